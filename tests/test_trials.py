"""Trials: what is told of them, those that fail, settings, scripts of one's own, compile folders."""
import csv
import glob
import json
import os
import re
import subprocess
import sys
import time

import pytest

from conftest import ROOT, run_script
from helpers_trials import INTERPRETED, arguments, check_all, log_of, serial, trials
import worker
from run.settings import SettingError

pytest.importorskip('distributed')
pytestmark = pytest.mark.xdist_group('trials')      # its workers' compile folders are for one driver at a time


def test_trials_and_what_is_told_of_them(folder, tmp_path):
    start = time.monotonic()
    run = trials(*arguments(folder, tmp_path, 2, 'trials=3'))
    elapsed = time.monotonic() - start
    assert run.returncode == 0, run.stderr
    rows = check_all(tmp_path, folder, 3, 2)
    log = log_of(tmp_path, 1)
    (hyperparameters,) = re.findall(r'^# hyperparameters: (.*)$', log, re.M)
    hyperparameters = json.loads(hyperparameters)
    assert [hyperparameters[name] for name in ('seed', 'nepoch', 'mu', 'W1dim')] == [1, 2, 0.8, [5, 5]]
    settings, first = (re.findall('^# settings: .*$', text, re.M) for text in (log, serial(folder, 1, 2)))
    assert settings == first[:1]
    assert re.search(r'^# versions: python \S+, theano \S+, numpy \S+, scipy \S+$', log, re.M)
    assert re.search(r'^# machine: .+, \d+ cores, \w+$', log, re.M)
    (wall,) = re.findall(r'^# threads: 1 wall time: ([\d.]+) s$', log, re.M)
    assert 0 < float(rows[1]['wall_seconds']) == float(wall) < elapsed         # however fast the machine is

    values = [float(row['test_error']) for row in rows]
    mean, sd = sum(values) / 3, (sum((v - sum(values) / 3)**2 for v in values) / 2)**0.5
    text = (tmp_path / 'RESULTS.md').read_text()
    for place in (text, run.stdout):
        assert '%.3f ± %.3f' % (mean, sd) in place
        assert 'conv16-ds2, data=%s NL=500' % folder in place
        assert '0.018 / 1.91' not in place                  # it is not the article's run
    assert ' '.join('%g' % v for v in values) in text
    assert run.stderr.startswith('# 3 trials to run\n') and run.stderr.count('\n') == 4
    assert re.search(r'^# conv16-ds2, seed \d: test error \S+ % \(3 of 3 done, 0 failed\)$', run.stderr, re.M)

    before = {path: os.stat(path).st_mtime_ns for path in glob.glob(str(tmp_path / 'logs' / '*' / '*'))}
    table = run_script('results=%s' % tmp_path, script='experiments/summary.py', THEANO_FLAGS=None)
    assert table.returncode == 0 and table.stdout == run.stdout and (tmp_path / 'RESULTS.md').read_text() == text
    plain = tmp_path / 'plain' / 'logs' / 'conv16-ds2'
    plain.mkdir(parents=True)
    for seed in range(3):
        (plain / ('seed-%d.log' % seed)).write_text(re.sub('# changed: .*\n', '', log_of(tmp_path, seed)))
    table = run_script('results=%s' % (tmp_path / 'plain'), script='experiments/summary.py', THEANO_FLAGS=None)
    assert re.search(r'^conv16-ds2  .*  0\.018 / 1\.91 / 1\.81  ', table.stdout, re.M) and 'data=' not in table.stdout

    again = trials(*arguments(folder, tmp_path, 2, 'trials=3'))
    assert again.returncode == 0 and 'done' not in again.stderr
    assert {path: os.stat(path).st_mtime_ns for path in before} == before

    other = trials(*arguments(folder, tmp_path, 3, 'trials=3'))
    assert other.returncode == 2 and other.stderr.count('\n') == 1
    assert 'is of other settings: nepoch = 2, not 3' in other.stderr


def test_a_trial_that_fails_is_reported_and_stops_no_other(folder, tmp_path):
    code = '''if True:
        import runpy, sys
        sys.path.insert(0, %r)
        import runs
        runs.RUNS['fails'] = runs.Run({'eta': -0.5}, None)
        prepare = runs.prepare                          # as if it were right when the driver checks it
        runs.prepare = lambda arguments: prepare([argument.replace('eta=-', 'eta=') for argument in arguments])
        runs.RUNS['diverges'] = runs.Run({'eta': 1e30, 'Wsigma': 1e10}, None)
        sys.argv[1:] = %r
        runpy.run_path(%r, run_name='__main__')''' % (
        os.path.join(ROOT, 'experiments'), arguments(folder, tmp_path, 2, 'trials=1', 'runs=diverges,fails,conv16-ds2'),
        os.path.join(ROOT, 'experiments', 'trials.py'))
    for first in (True, False):                          # one that diverges is a result, and is not run again
        run = subprocess.run([sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             universal_newlines=True, env=dict(os.environ, THEANO_FLAGS=INTERPRETED))
        assert run.returncode == 1 and 'Traceback' not in run.stderr, run.stderr
        assert re.search(r'^# fails, seed 0: status 2: eta = -0.5: must be', run.stderr, re.M), run.stderr
        assert run.stderr.endswith('\n1 of %d trials failed; the same command tries again\n' % (3 if first else 1))
        told = re.search(r'^# diverges, seed 0: diverged: the cost is (nan|inf) in epoch 1', run.stderr, re.M)
        assert bool(told) == first, run.stderr
    with open(str(tmp_path / 'trials.csv')) as file:
        rows = {(row['run'], row['seed']): row for row in csv.DictReader(file)}
    assert set(rows) == {('conv16-ds2', '0'), ('diverges', '0')}
    assert rows['diverges', '0']['test_error'] == '' and 'in epoch 1' in rows['diverges', '0']['diverged']
    assert rows['conv16-ds2', '0']['test_error'] and not rows['conv16-ds2', '0']['diverged']
    assert re.search(r'^\| diverges, data=.* \| 1, 1 diverged \| +\| +\|', (tmp_path / 'RESULTS.md').read_text(), re.M)
    check_all(tmp_path, folder, 1, 2)


@pytest.mark.parametrize('argument, text', [
    ('runs=conv17-ds2', 'runs = conv17-ds2: no run or group of this name, did you mean conv1'),
    ('trials=0', 'trials = 0: must be a whole number from 1 to 10000'), ('trials=ten', "trials = 'ten': must be"),
    ('trial=3', 'trial=3: no setting of this name, did you mean'),
    ('eta=0.1', 'eta=0.1: is a hyperparameter: "settings=eta=0.1"'),
    ('trials', 'trials: must be name=value'), ('settings=nepoch=1 seed=3', 'seed=3: cannot be the same for all'),
    ('scheduler=nowhere', "scheduler = 'nowhere': must be an address"), ('keep=all', "keep = 'all': must be one of"),
    ('script=/no/such.py', "script = '/no/such.py': must be a script"), ('results=', "results = '': must be a folder"),
    ('results=' + os.path.join(ROOT, 'README.md'), 'README.md: cannot be made: File exists'),
    ('results=/proc/x/y', 'results = /proc/x/y: cannot be made: '),
])
def test_wrong_settings_are_one_line(tmp_path, monkeypatch, argument, text):
    import trials as script
    monkeypatch.setattr(script, 'described', lambda *_: None)
    with pytest.raises(SettingError) as error:
        script.main(['results=%s' % tmp_path, 'trials=1', argument])
    assert text in str(error.value) and '\n' not in str(error.value)
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize('argument, text', [
    ('settings=eta=-1', 'eta = -1: must be a finite number above 0'),
    ('settings=W1dim=(40,40)', 'layer 1: Wrow = 40 exceeds Xrow = 28'),
])
def test_wrong_hyperparameters_fail_before_anything_is_sent_out(tmp_path, argument, text):
    run = trials('results=%s' % tmp_path, 'trials=1', argument)
    assert run.returncode == 2 and text in run.stderr and run.stderr.count('\n') == 1, run.stderr
    assert os.listdir(str(tmp_path)) == []


def test_a_script_of_one_s_own_and_kept_nets(tmp_path):
    mine = tmp_path / 'mine.py'
    mine.write_text("""if True:
        import sys
        given = dict(argument.split('=') for argument in sys.argv[1:])
        print('### mine\\n### training: NL = 5 NV = 5 K = 2 batchsize = 5\\n1 0.5 1.0 2.0')
        print('# NT = 100\\n1 0.5 1.0 2.0 %s.0' % given['seed'])
        open(given['save'], 'w').write('a net from seed ' + given['seed'])""")
    run = trials('script=%s' % mine, 'trials=2', 'results=%s' % tmp_path, 'keep=nets', 'workers=1')
    assert run.returncode == 0, run.stderr
    assert 'mine  2      1.000 ± 0.000  2.000 ± 0.000  0.500 ± 0.707' in run.stdout
    assert [(tmp_path / 'nets' / 'mine' / ('seed-%d.npz' % seed)).read_text() for seed in (0, 1)] == [
        'a net from seed 0', 'a net from seed 1']
    (tmp_path / 'nets' / 'mine' / 'seed-1.npz').unlink()
    again = trials('script=%s' % mine, 'trials=2', 'results=%s' % tmp_path, 'keep=nets', 'workers=1')
    assert again.returncode == 0 and '# 1 trials to run' in again.stderr                  # that has no net
    other = trials('script=%s' % mine, 'trials=2', 'results=%s' % tmp_path, 'settings=eta=0.1')
    assert other.returncode == 2 and "is of other settings: eta = None, not '0.1'; remove it" in other.stderr
    given = trials('script=%s' % mine, 'trials=1', 'results=%s' % (tmp_path / 'given'), 'settings=eta=0.1', 'keep=nets')
    assert given.returncode == 0, given.stderr
    other = trials('script=%s' % mine, 'trials=2', 'results=%s' % (tmp_path / 'given'))
    assert other.returncode == 2 and "is of other settings: eta = '0.1', not None; remove it" in other.stderr
    mine.write_text('print("no log")')
    run = trials('script=%s' % mine, 'trials=3', 'results=%s' % tmp_path)
    assert run.returncode == 2 and 'is of other settings: script = ' in run.stderr
    run = trials('script=%s' % mine, 'trials=1', 'results=%s' % (tmp_path / 'other'))
    assert run.returncode == 1 and 'Traceback' not in run.stderr
    assert '# mine, seed 0: its log: not a log: ' in run.stderr


def test_a_restart_compiles_nothing_and_takes_the_same_folder(folder, tmp_path):
    """Each driver starts workers of its own, with ports of their own; the cache has folders that are numbered."""
    cache = tmp_path / 'cache'
    for trials_so_far in (1, 2):
        run = run_script(*arguments(folder, tmp_path / 'results', 1, 'trials=%d' % trials_so_far, 'workers=1'),
                         script='experiments/trials.py', timeout=900, THEANO_FLAGS=INTERPRETED,
                         XDG_CACHE_HOME=str(cache))
        assert run.returncode == 0, run.stderr
        (machine,) = (cache / 'mnist-trials').iterdir()
        assert sorted(path.name for path in machine.iterdir()) == ['0', '0.lock']
        (compiled,) = (machine / '0').glob('compiled-*')
        first = locals().get('first', compiled.stat().st_mtime_ns)
        assert compiled.stat().st_mtime_ns == first


def test_each_trial_has_a_compile_folder_to_itself(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    with worker.compile_folder() as first, worker.compile_folder() as second:
        assert [os.path.basename(path) for path in (first, second)] == ['0', '1']
    with worker.compile_folder() as third:
        assert third == first


@pytest.mark.parametrize('path', ['nnet.py', 'run/script.py', 'fused/ops/distort.h', 'theano_setup/patches/garbage.py'])
def test_what_a_net_is_compiled_from_decides_whether_it_is_compiled(path, tmp_path, monkeypatch):
    before = worker.fingerprint(str(tmp_path), ['ds1=(4,4)'])
    assert worker.fingerprint(str(tmp_path), ['ds1=(2,2)']) != before
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text('new')
    assert worker.fingerprint(str(tmp_path), ['ds1=(4,4)']) != before
    monkeypatch.setenv('THEANO_FLAGS', 'optimizer=None')
    (tmp_path / path).unlink()
    assert worker.fingerprint(str(tmp_path), ['ds1=(4,4)']) != before
