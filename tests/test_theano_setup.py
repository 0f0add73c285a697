"""Theano's set-up: settings, checks, the doctor, Ctrl-C, in processes of their own."""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pexpect
import pytest

from conftest import ROOT
from helpers_theano import clean, python
from theano_setup import environment

SHOW = ('import os; from theano_setup import theano; c = theano.config; '
        'print([c.floatX, c.openmp, c.blas.ldflags, c.allow_gc, os.environ["OMP_NUM_THREADS"], '
        'os.environ["OPENBLAS_NUM_THREADS"]])')


def show(**environment):
    """The settings that a new process finds."""
    run = python('-c', SHOW, **environment)
    assert run.returncode == 0, run.stderr
    return eval(run.stdout)


# ---- settings

def test_defaults_are_float32_openmp_and_scipys_blas():
    floatX, openmp, ldflags, allow_gc, omp, blas = show()
    assert (floatX, openmp, allow_gc) == ('float32', True, False)
    assert (omp, blas) == (str(environment.cores()), '1')
    assert 'openblas' in ldflags and '-L' in ldflags


def test_what_the_user_set_wins(tmp_path):
    rc = tmp_path / 'rc'
    rc.write_text('[global]\nfloatX = float64\n[blas]\nldflags = -lmine\n')
    assert show(THEANORC=str(rc), OMP_NUM_THREADS='1')[:5] == ['float64', True, '-lmine', False, '1']
    assert show(THEANORC=str(rc), THEANO_FLAGS='floatX=float32,openmp=False')[:3] == ['float32', False, '-lmine']


@pytest.mark.parametrize('threads', ['', '0', 'many', '99999'])
def test_an_impossible_number_of_threads_is_every_core(threads):
    assert show(OMP_NUM_THREADS=threads)[4] == str(environment.cores())


def test_the_compile_folder_is_apart_for_each_python_numpy_and_scipy():
    import scipy
    run = python('-c', 'from theano_setup import theano; print(theano.config.compiledir)')
    for version in sys.version.split()[0], 'numpy' + np.__version__, 'scipy' + scipy.__version__:
        assert '-%s' % version in run.stdout


MODULES = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(ROOT, '*.py')))


@pytest.mark.parametrize('module', [
    *(name for name in MODULES if name != 'mnist_convnet'), 'fused', 'numpy', 'scipy.linalg'])
def test_every_module_can_be_imported_first(module):
    code = 'import %s; from theano_setup import theano; print(theano.config.floatX, theano.config.openmp)'
    run = python('-c', code % module)
    assert (run.stdout, run.stderr) == ('float32 True\n', '')


# ---- checks and the doctor

def test_the_first_problem_ends_the_import_in_a_line_and_the_doctor_tells_all(tmp_path):
    os.symlink(sys.executable, str(tmp_path / 'python'))
    bad = dict(PATH=str(tmp_path), HOME='/dev/null', THEANO_FLAGS='device=gpu')
    run = python('-c', 'from theano_setup import theano', **bad)
    assert (run.returncode, run.stdout) == (1, '')
    assert run.stderr == 'device = gpu in THEANO_FLAGS or .theanorc: must be cpu, as pygpu is not there\n'
    run = python('-m', 'theano_setup', **bad)
    problems = re.findall('^PROBLEM   (.{10})', run.stdout, re.M)
    assert run.returncode == 1 and problems == ['device = g', 'no C++ com', 'cannot wri']
    assert run.stdout.endswith('3 problem(s)\n')


def test_doctor_finds_all_well_and_links_scipys_blas():
    run = python('-m', 'theano_setup')
    assert run.returncode == 0, run.stdout + run.stderr
    for line in (r'^Python    3\.', r'^BLAS      the one inside SciPy: .*openblas', r'^GEMM      \d+ GFLOP/s',
                 r'^patched   compile_lock: .* Ctrl-C',
                 r'^conv2d    differs from SciPy by \d.\de-0[5-9]$', r'^threads   \d+ OpenMP \(on: True\), 1 BLAS'):
        assert re.search(line, run.stdout, re.M), line
    assert run.stdout.endswith('all is well\n')


def test_doctor_names_a_problem_and_its_cure():
    run = python('-m', 'theano_setup', THEANO_FLAGS='floatX=float64')
    assert run.returncode == 1
    assert re.search(r'^PROBLEM   floatX = float64: .*remove it', run.stdout, re.M)


def test_a_theano_function_calls_the_blas_inside_scipy():
    """The libraries of the compiled module, as the loader sees them."""
    if not os.path.exists('/proc/self/maps') or not shutil.which('ldd'):
        pytest.skip('needs /proc and ldd')
    run = python('-c', 'from theano_setup import theano\n'
                 'import theano.tensor as T\n'
                 'x = T.fmatrix(); f = theano.function([x], T.dot(x, x))\n'
                 'loaded = {line.split()[-1] for line in open("/proc/self/maps")}\n'
                 'print("\\n".join(path for path in loaded if path.startswith(theano.config.compiledir)))')
    libraries = ''.join(subprocess.run(['ldd', path], stdout=subprocess.PIPE, universal_newlines=True).stdout
                        for path in run.stdout.split())
    assert re.search(r'lib\w*openblas\S* => \S*scipy\.libs', libraries)


def test_blas_knows_what_the_processor_can_do():
    """OpenBLAS's own name for the kernels that it has chosen."""
    with open('/proc/cpuinfo') as file:
        flags = file.read()
    if ' avx2 ' not in flags:
        pytest.skip('no AVX2')
    run = python('-c', 'import ctypes; from theano_setup import theano, blas; blas=ctypes.CDLL(blas.scipy_library())\n'
                 'name = next(getattr(blas, prefix + "openblas_get_corename") for prefix in ("", "scipy_")\n'
                 '            if hasattr(blas, prefix + "openblas_get_corename"))\n'
                 'name.restype = ctypes.c_char_p; print(name().decode())')
    assert run.stdout.strip() not in ('Prescott', 'Core2', 'Nehalem', 'Sandybridge', ''), run.stderr


def test_a_path_with_spaces_and_japanese(tmp_path):
    """SciPy's wheel under a folder that Theano's flags cannot carry."""
    folder = tmp_path / 'a b 日本'
    folder.mkdir()
    site = os.path.dirname(os.path.dirname(__import__('scipy').__file__))
    for name in os.listdir(site):
        if name.startswith('scipy'):
            shutil.copytree(os.path.join(site, name), str(folder / name))
        else:
            os.symlink(os.path.join(site, name), str(folder / name))
    os.symlink(os.path.join(ROOT, 'theano_setup'), str(folder / 'theano_setup'))
    run = python('-c', 'from theano_setup import theano\n'
                 'import theano.tensor as T\n'
                 'print(T.dot(T.ones((3, 4)), T.ones((4, 5))).eval().sum(), theano.config.blas.ldflags)',
                 cwd=folder, PYTHONPATH=str(folder))
    assert re.fullmatch(r'60.0 -l\w*openblas\S*\n', run.stdout), run.stderr


# ---- Ctrl-C

@pytest.mark.parametrize('module', ['theano_setup.environment', 'numpy', 'theano.gof.cc', 'theano.tensor.opt'])
def test_ctrl_c_while_theano_is_imported_is_one_line(module):
    code = 'from theano_setup import theano; print("imported")'
    run = subprocess.Popen([sys.executable, '-X', 'importtime', '-c', code], cwd=ROOT, env=clean(),
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    while run.stderr.readline().split('|')[-1].strip() != module:       # until Python says that it is imported
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    err = [line for line in run.stderr.read().splitlines() if not line.startswith('import time:')]
    assert (err, run.stdout.read(), run.wait()) == (['stopped by Ctrl-C'], '', 130)


def test_after_ctrl_c_theano_can_be_imported_again():
    code = '''if True:
        import sys
        class Stop:                                     # Ctrl-C as this module is looked for
            def find_spec(self, name, *_):
                if name == 'theano.tensor.nnet':
                    sys.meta_path.remove(self)
                    raise KeyboardInterrupt
        sys.meta_path.insert(0, Stop())
        try:
            from theano_setup import theano
        except SystemExit as stop:
            print(stop.code)
        from theano_setup import theano
        import theano.tensor as T
        print(T.nnet.relu(T.constant([-1., 1.])).eval())'''
    run = python('-c', code)
    assert (run.stdout, run.stderr) == ('130\n[0. 1.]\n', 'stopped by Ctrl-C\n')


def test_ctrl_c_while_compiling_lets_go_of_the_lock(tmp_path):
    """At a prompt, by a compiler that takes for ever."""
    pytest.importorskip('IPython')
    compiler, slow, home = tmp_path / 'g++', tmp_path / 'slow', tmp_path / 'home'
    compiler.write_text('#!/bin/sh\n'
                        'case "$*" in *mod.cpp*) [ -e "%s" ] && echo compiling > /dev/tty && exec sleep 600;; esac\n'
                        'exec "%s" "$@"\n' % (slow, shutil.which('g++') or 'clang++'))
    compiler.chmod(0o755)
    environment = clean(THEANO_FLAGS='cxx=%s,base_compiledir=%s' % (compiler, home), IPYTHONDIR=str(tmp_path))
    prompt = pexpect.spawn(sys.executable, ['-m', 'IPython', '--simple-prompt', '--no-banner', '--colors=NoColor'],
                           cwd=ROOT, encoding='utf-8', timeout=120, env=environment)
    prompt.expect(r'In \[1\]: ')
    prompt.sendline('from theano_setup import theano; import theano.tensor as T')
    prompt.expect(r'In \[2\]: ')
    slow.write_text('')
    prompt.sendline('T.exp(T.zeros(2)).eval()')
    prompt.expect('\ncompiling')
    assert list(home.glob('*/lock_dir/lock'))
    prompt.sendintr()
    prompt.expect(r'KeyboardInterrupt[^$]*In \[3\]: ')
    assert not list(home.glob('*/lock_dir'))
    slow.unlink()
    prompt.sendline('T.exp(T.zeros(2)).eval()')
    prompt.expect(r'array\(\[1., 1.\]')
    prompt.sendline('exit')
    prompt.expect(pexpect.EOF)
