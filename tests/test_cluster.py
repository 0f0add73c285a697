"""Workers and drivers that are killed, stopped or not there, on a real local cluster."""
import contextlib
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from conftest import amount
from helpers_trials import arguments, check_all, driver, logs_of, trials

pytest.importorskip('distributed')
pytestmark = pytest.mark.xdist_group('trials')      # its workers' compile folders are for one driver at a time


def descendants(pid):
    """{pid: command line} of the processes below one, where the system tells."""
    found = {}
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            with open(path, errors='replace') as file, open(path[:-4] + 'cmdline', errors='replace') as words:
                found[int(path.split('/')[2])] = int(file.read().rpartition(')')[2].split()[1]), words.read()
        except OSError:
            pass
    below, new = {}, {pid}
    while new:
        new = {p for p, (parent, _) in found.items() if parent in new}
        below.update({p: found[p][1] for p in new})
    return below


def wait_for_trials(run, number):
    """Waits until so many trials are on their way; their process ids."""
    until = time.time() + 300
    while time.time() < until:
        assert run.poll() is None, run.communicate()
        pids = [pid for pid, words in descendants(run.pid).items() if 'trial.py' in words and 'seed=' in words]
        if len(pids) >= number:
            return pids
        time.sleep(0.05)
    run.kill()
    raise AssertionError('no trial began', run.communicate())


def parent_of(pid):
    with open('/proc/%d/stat' % pid) as file:
        return int(file.read().rpartition(')')[2].split()[1])


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='needs /proc to find the workers')
def test_killed_workers_lose_no_trial(folder, tmp_path):
    kills, workers, nepoch = amount(2, 20), amount(2, 4), amount(30, 300)       # trials must outlast the kills
    run = driver(*arguments(folder, tmp_path, nepoch, 'trials=%d' % (kills + 2), 'workers=%d' % workers))
    rng, killed = np.random.RandomState(0), 0
    for _ in range(kills):
        pids = wait_for_trials(run, 1)
        time.sleep(rng.uniform(0, 1.5))
        pid = pids[rng.randint(len(pids))]
        try:
            worker = parent_of(pid)                         # that runs the trial
            if worker in descendants(run.pid):              # else the trial is about to end
                os.kill(worker, signal.SIGKILL)
                killed += 1
        except (OSError, ProcessLookupError):
            continue                                        # the trial had ended meanwhile
        until = time.time() + 5
        while os.path.exists('/proc/%d' % pid) and time.time() < until:
            time.sleep(0.05)
        assert not os.path.exists('/proc/%d' % pid)          # the trial has ended with it
    out, err = run.communicate(timeout=600)
    assert run.returncode == 0 and killed, err
    check_all(tmp_path, folder, kills + 2, nepoch)


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='needs /proc to find the trials')
def test_a_killed_driver_is_resumed(folder, tmp_path):
    kills, nepoch = amount(1, 10), 30
    number = 2 * kills + 2
    rng = np.random.RandomState(1)
    finished = {}
    for _ in range(kills):
        run = driver(*arguments(folder, tmp_path, nepoch, 'trials=%d' % number))
        wait_for_trials(run, 1)
        time.sleep(rng.uniform(0, 5))
        below = descendants(run.pid)
        run.kill()
        run.communicate()
        until = time.time() + 20
        while any(os.path.exists('/proc/%d' % pid) for pid in below) and time.time() < until:
            time.sleep(0.1)
        assert not [words for pid, words in below.items() if os.path.exists('/proc/%d' % pid)]
        now = logs_of(tmp_path)
        assert all(set(logs) <= set(now[path]) for path, logs in finished.items())      # never run again
        finished = now
    run = trials(*arguments(folder, tmp_path, nepoch, 'trials=%d' % number))
    assert run.returncode == 0, run.stderr
    now = logs_of(tmp_path)
    assert all(set(logs) <= set(now[path]) for path, logs in finished.items())
    check_all(tmp_path, folder, number, nepoch)


def test_a_cluster_of_one_s_own_that_compiles(folder, tmp_path):
    """As the README starts one by hand; in a folder of its own, from where nothing of the project can be imported."""
    small = 'NL=500 interval=1 batchsize=20 hidden=full H1=8'            # few modules, all of them compiled anew
    elsewhere, results = tmp_path / 'elsewhere', tmp_path / 'results'
    elsewhere.mkdir()
    at_port = elsewhere / 'scheduler.json'
    dask = [sys.executable, '-m', 'dask']
    env = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    with contextlib.ExitStack() as stack:
        for command in (['scheduler', '--port', '0', '--no-dashboard', '--scheduler-file', str(at_port)],
                        ['worker', '--scheduler-file', str(at_port), '--nworkers', '1', '--nthreads', '1',
                         '--no-dashboard']):
            program = stack.enter_context(subprocess.Popen(dask + command, cwd=str(elsewhere), env=env,
                                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            stack.callback(program.terminate)
            wait_for_file(at_port)
        address = json.loads(at_port.read_text())['address']
        run = trials(*arguments(folder, results, 2, 'trials=1', 'scheduler=' + address, small=small), flags='')
    assert run.returncode == 0, run.stderr
    check_all(results, folder, 1, 2, small, '')


def wait_for_file(path):
    until = time.time() + 120
    while not path.exists() or not path.read_text():
        assert time.time() < until
        time.sleep(0.1)


def test_a_scheduler_that_is_not_there_is_one_line(folder, tmp_path):
    run = trials(*arguments(folder, tmp_path, 2, 'trials=1', 'scheduler=tcp://127.0.0.1:1'))
    assert run.returncode == 2 and 'Traceback' not in run.stderr
    assert re.fullmatch(r'scheduler = tcp://127.0.0.1:1: .*\n', run.stderr)


@pytest.mark.parametrize('number, status, word', [(signal.SIGINT, 130, 'Ctrl-C'), (signal.SIGTERM, 143, 'SIGTERM')])
def test_two_drivers_with_one_folder_and_a_signal(folder, tmp_path, number, status, word):
    """The signal is for the whole process group, as a terminal sends Ctrl-C: not a word from Dask's processes."""
    first = driver(*arguments(folder, tmp_path, 100000, 'trials=2'), start_new_session=True)
    wait_for_trials(first, 1)
    second = trials(*arguments(folder, tmp_path, 100000, 'trials=2'))
    (os.killpg if number == signal.SIGINT else os.kill)(first.pid, number)
    out, err = first.communicate(timeout=60)
    assert second.returncode == 1 and second.stderr == '%s: another run is using it\n' % (tmp_path / 'trials')
    assert first.returncode == status and out == ''
    assert err == '# 2 trials to run\nstopped by %s; the same command resumes\n' % word


def test_ctrl_c_while_the_cluster_starts_is_one_line(tmp_path):
    run = driver('script=' + __file__, 'trials=1', 'results=%s' % tmp_path, start_new_session=True)
    until = time.time() + 60
    while not any('spawn_main' in words for words in descendants(run.pid).values()) and time.time() < until:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)
    out, err = run.communicate(timeout=120)
    assert (run.returncode, out, err) == (130, '', 'stopped by Ctrl-C; the same command resumes\n')
