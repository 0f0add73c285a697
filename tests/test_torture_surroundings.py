"""Bad surroundings: compilers, folders, disks, locks, streams, locales. The script runs, or says in a line why not."""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pexpect
import pytest

from conftest import ROOT, amount, run_script
from helpers_data import arrays, write_folder

JAPANESE = '手書き 数字'
SMALL = ['NL=500', 'W1nch=4', 'nepoch=1', 'interval=1']
CLEAN = dict.fromkeys(('THEANO_FLAGS', 'THEANORC', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A small data set, 12 x 10 pixels, in a folder whose name has Japanese characters and a space."""
    path = tmp_path_factory.mktemp('idx') / JAPANESE
    path.mkdir()
    return write_folder(path, *arrays((12, 10), K=3, NL=600, NT=60))


def log_of(run):
    """The log of a run that went well: its lines from the first ### on."""
    assert run.returncode == 0 and 'Traceback' not in run.stderr, run.stderr
    assert re.search(r'\n1 [\d.e-]+ [\d.]+ [\d.]+ [\d.]+\n', run.stdout)
    return run.stdout[run.stdout.index('###'):]


@pytest.fixture(scope='module')
def log(folder):
    return log_of(run_script('data=' + folder, *SMALL))


def one_line(run, words, status=1):
    assert run.returncode == status and run.stdout == ''
    assert run.stderr.count('\n') == 1 and re.search(words, run.stderr), run.stderr


def set_up(before='', **environment):
    """A finished process that imports Theano and nothing else."""
    env = {**os.environ, **CLEAN, **environment}
    return subprocess.run([sys.executable, '-c', 'import os; %sfrom theano_setup import theano' % before], cwd=ROOT,
                          timeout=300, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                          env={name: value for name, value in env.items() if value is not None})


# ---- compiler, THEANO_FLAGS, .theanorc

@pytest.mark.parametrize('flags, words', [
    ('cxx=', "^cxx = '' in THEANO_FLAGS or .theanorc: must be a C"),
    ('cxx=/nowhere/g++', "^cxx = '/nowhere/g"),
    ('floatX=float16x', 'Invalid value .*float16x.*floatX.* Valid options are'),
    ('gcc.cxxflags=-foo', '^gcc.cxxflags = -foo in THEANO_FLAGS or .theanorc: must be options that '),
    ('device=cuda', '^device = cuda in THEANO_FLAGS or .theanorc: must be cpu'),
] + amount([], [
    ('floatX=float16', '^floatX = float16 in'), ('device=gpu', '^device = gpu'), ('device=tpu', '^device = tpu'),
    ('openmp=maybe', 'Invalid value .*maybe.*openmp'),
    ('floatX="float32', 'No closing quotation'),
    ('optimizer_verbose=7', 'Invalid value .*7'),
    ('compile.wait=soon', "invalid literal for int.*'soon'"),
    ('linker=ld', 'Invalid value .*ld'),
]))
def test_wrong_flags_are_one_line(flags, words):
    one_line(set_up(THEANO_FLAGS=flags), words)


@pytest.mark.parametrize('content, words', [
    (b'floatX = float32\n', 'no section headers'),
    (b'[global]\nfloatX = float12\n', 'float12'),
] + amount([], [
    (b'[global]\nfloatX = float32\nfloatX = float64\n', "already exists"),
    (b'[global\n', 'no section headers'),
    (b'\xff\xfe\x00[\x00g', ''),
    (b'[global]\ncxx =\n', "^cxx = ''"),
]))
def test_a_broken_theanorc_is_one_line(tmp_path, content, words):
    (tmp_path / 'rc').write_bytes(content)
    one_line(set_up(THEANORC=str(tmp_path / 'rc')), words)


@pytest.mark.parametrize('program', ['#!/bin/sh\nexit 1\n', '#!/nowhere\n'])
def test_a_compiler_that_does_not_work_is_one_line(tmp_path, program):
    compiler = tmp_path / 'g++'
    compiler.write_text(program)
    compiler.chmod(0o755)
    one_line(set_up(PATH='%s:%s' % (tmp_path, os.environ['PATH'])), 'g.. cannot make a shared library')


def test_threads_of_every_kind(folder, log):
    """64 threads, far more than cores, print the same log; what is no number is as if it was not set."""
    assert log_of(run_script('data=' + folder, *SMALL, OMP_NUM_THREADS='64')) == log
    for threads in amount(['abc'], ['abc', '0', '-1', '1e3', '99999', '\u0663', ' ', None]):
        run = run_script('data=' + folder, *SMALL, OMP_NUM_THREADS=threads)
        assert log_of(run) == log and '# threads: %d ' % len(os.sched_getaffinity(0)) in run.stderr


# ---- folders and disks

def test_a_compile_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / 'file').write_text('')
    for path, words in (('/proc/theano', 'No such file'), (str(tmp_path / 'file'), 'File exists|Not a directory'),
                        (str(tmp_path / 'file' / 'x'), 'Not a directory')):
        one_line(set_up(THEANO_FLAGS='base_compiledir=' + path),
                 r'^cannot write to %s, where Theano keeps .* \((%s).*\): for another' % (path, words))


def test_homes_that_are_not_there(tmp_path):
    assert set_up(HOME=None).returncode == 0                                   # the system knows it
    one_line(set_up(HOME='/proc/nowhere'), '^cannot write to /proc/nowhere/.theano')
    one_line(set_up(HOME='/dev/null'), r'^cannot write to /dev/null/.theano, where .* \(Not a directory')
    one_line(set_up('os.path.expanduser = lambda path: path; ', HOME=None),
             '^no home folder, which Theano needs: set HOME$')


def copy_project(path):
    shutil.copytree(ROOT, str(path), ignore=shutil.ignore_patterns('.*', '__pycache__', 'tests', 'README*'))


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a tmpfs of so many kB, or mounts it again read-only; skipped where that is not allowed."""
    path = tmp_path / 'disk'
    path.mkdir()

    def mount(options):
        command = ['mount', '-t', 'tmpfs', '-o', options, 'none', str(path)]
        if subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
            pytest.skip('not allowed to mount a file system')
        return path
    yield mount
    subprocess.run(['umount', str(path)], stderr=subprocess.DEVNULL)


def test_a_read_only_checkout_runs_and_a_read_only_home_is_one_line(folder, log, small_disk):
    project = small_disk('size=8m') / 'project'
    copy_project(project)
    small_disk('remount,ro')
    run = subprocess.run([sys.executable, 'mnist_convnet.py', 'data=' + folder] + SMALL, cwd=str(project),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert log_of(run) == log
    one_line(set_up(HOME=str(project)), r'^cannot write to .*/project/.theano, .* \(Read-only file system\): for')


@pytest.mark.parametrize('kilobytes', [512] + amount([], [1100, 1300, 1500, 1900]))
def test_a_full_disk_is_one_line(folder, small_disk, kilobytes):
    """Full at the start, while Theano is imported, or at one of the Ops of the net."""
    path = str(small_disk('size=%dk' % kilobytes))
    run = run_script('data=' + folder, *SMALL, **{**CLEAN, 'THEANO_FLAGS': 'base_compiledir=' + path})
    lines = run.stderr.splitlines()
    assert run.returncode == 1 and 'Traceback' not in run.stderr and '###' not in run.stdout, run.stderr
    assert re.search('^cannot write to|^Theano cannot be set up|^compiling failed', lines[-1])
    assert re.search('No space left|less than 16 MB left', lines[-1])
    assert [line for line in lines[:-1] if not line.startswith('# ')] == []


# ---- killed processes

@pytest.mark.parametrize('owner', [
    'dead'] + amount([], ['another host', 'a living process', 'unknown', 'not yet written']))
def test_the_lock_of_a_killed_process_is_not_waited_for_by_the_minute(tmp_path, owner):
    """Killed while it compiles. Its number may belong to another process by now, as in a container started anew."""
    flags = 'base_compiledir=%s' % tmp_path
    env = {**{name: value for name, value in os.environ.items() if name not in CLEAN}, 'THEANO_FLAGS': flags}
    run = subprocess.Popen([sys.executable, '-c', 'from theano_setup import theano'], cwd=ROOT, env=env,
                           start_new_session=True)
    while not any(lock.stat().st_size for lock in tmp_path.glob('*/lock_dir/lock')):
        assert run.poll() is None
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    lock, = tmp_path.glob('*/lock_dir/lock')
    pid, number, host = lock.read_text().strip().split('_', 2)
    if owner == 'unknown':
        lock.unlink()
    elif owner == 'not yet written':
        lock.write_text('')
    elif owner != 'dead':
        lock.write_text('%s_%s_%s\n' % (pid if owner == 'another host' else os.getpid(), number,
                                        'elsewhere' if owner == 'another host' else host))
    start = time.monotonic()
    run = set_up(THEANO_FLAGS=flags)
    assert run.returncode == 0 and 'Traceback' not in run.stderr
    assert time.monotonic() - start < 60                            # of which compiling takes 10 or 20


# ---- streams and locales

def shell(command, **environment):
    return subprocess.run(command, shell=True, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=300, env={**os.environ, **environment})


def test_closed_streams(folder, log):
    script = "%s mnist_convnet.py 'data=%s' %s" % (sys.executable, folder, ' '.join(SMALL))
    run = shell(script + ' >&-')
    assert (run.returncode, run.stderr) == (141, 'stdout is closed: there is nowhere to print the log\n')
    assert log_of(shell(script + ' 2>&- <&-')) == log
    run = shell(script + ' | head -1')
    assert run.stdout.startswith('# data: ') and 'Traceback' not in run.stderr and 'Exception' not in run.stderr


def test_a_full_disk_under_the_log_is_one_line(folder):
    run = shell("%s mnist_convnet.py 'data=%s' %s > /dev/full" % (sys.executable, folder, ' '.join(SMALL)))
    assert run.returncode == 1 and re.fullmatch('.*No space left.*\n', run.stderr)


@pytest.mark.parametrize('environment', [
    dict(LC_ALL='C', PYTHONIOENCODING='ascii'),
] + amount([], [dict(LC_ALL='C'), dict(LC_ALL='POSIX', PYTHONUTF8='0', PYTHONCOERCECLOCALE='0'),
                dict(LC_ALL='nonsense'), dict(PYTHONIOENCODING='latin-1')]))
def test_locales_that_cannot_spell_the_folder(folder, log, environment):
    run = run_script('data=' + folder, *SMALL, **environment)
    assert log_of(run) == log


def test_a_terminal_of_20_columns(folder):
    """What is written over and over stays on its line."""
    child = pexpect.spawn(sys.executable, ['mnist_convnet.py', 'data=' + folder] + SMALL + ['nepoch=30'], cwd=ROOT,
                          encoding='utf-8', dimensions=(10, 20), timeout=120, env={**os.environ, 'TERM': 'dumb'})
    child.expect(pexpect.EOF)
    progress = re.findall(r'\r\x1b\[K(epoch [^\r]*)', child.before)
    assert len(progress) > 1 and max(map(len, progress)) < 20, progress
    assert 'Traceback' not in child.before


@pytest.mark.skipif(not amount(False, True), reason='takes minutes: make torture')
def test_checkout_python_and_compile_folder_with_spaces_and_japanese(tmp_path, folder, log):
    project, venv = tmp_path / 'my 実験', tmp_path / 'my 環境'
    copy_project(project)
    os.symlink(sys.prefix, str(venv))
    python = str(venv / os.path.relpath(sys.executable, sys.prefix))
    env = {**{name: value for name, value in os.environ.items() if name not in CLEAN},
           'THEANO_FLAGS': 'base_compiledir=%s' % (tmp_path / 'my コンパイル')}
    run = subprocess.run([python, 'mnist_convnet.py', 'data=' + folder] + SMALL, cwd=str(project), env=env,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert log_of(run) == log
    assert list((tmp_path / 'my コンパイル').glob('*/tmp*/*.so'))
