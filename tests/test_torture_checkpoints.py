"""Checkpoints of the script, in processes: killed and resumed, refused, on full disks, kept where nets diverge."""
import glob
import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest

from conftest import amount, run_script
from helpers import assert_one_line, contents, start, wait_for
from helpers_data import arrays, write_folder
from run import archive, checkpoints, saved_nets


def arguments(folder, path, nepoch=6, *more):
    return ['data=' + folder, 'NL=500', 'W1nch=4', 'batchsize=50', 'interval=2', 'nepoch=%d' % nepoch,
            'checkpoint=%s' % path, *more]


@pytest.mark.parametrize('number, status', [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_resumes_to_the_same_log_and_checkpoint(folder, tmp_path, number, status):
    whole = run_script(*arguments(folder, tmp_path / 'whole.npz', 40))
    assert whole.returncode == 0, whole.stderr
    path, net = tmp_path / 'stopped.npz', tmp_path / 'net.npz'
    run = start(*arguments(folder, path, 40, 'save=%s' % net))
    wait_for(run, '2 ')
    run.send_signal(number)
    err = run.communicate(timeout=60)[1]
    assert run.returncode == status
    assert re.search(r'^stopped by \S+ (after epoch \d+, minibatch|while evaluating)', err, re.M)
    assert re.search(r'^# \S+net.npz: has the net as far as it is trained$', err, re.M)
    assert [W.get_value().tobytes() for W in saved_nets.load_net(str(net)).net.params] == [
        array for name, array in sorted(contents(path).items()) if name[0] == 'W']
    resumed = run_script(*arguments(folder, path, 40, 'resume=True'))
    assert resumed.returncode == 0 and resumed.stdout == whole.stdout
    assert contents(path) == contents(tmp_path / 'whole.npz')
    assert sorted(os.listdir(str(tmp_path))) == ['net.npz', 'stopped.npz', 'whole.npz']


def test_killed_runs_resume_to_the_same_log_parameters_and_velocities(folder, tmp_path, capsys):
    """Chains of runs that are killed at random moments and resumed; every other one as soon as it is seen to save."""
    nepoch, chains, kills = amount(1000, 3000), amount(1, 20), amount(4, 10)     # a run must outlast its kills
    net = ['W1nch=1', 'batchsize=500', 'drop1=0.2', 'average=0.9', 'schedule=linear', 'shift=1']
    wanted = run_script(*arguments(folder, tmp_path / 'whole.npz', nepoch, *net))
    assert wanted.returncode == 0, wanted.stderr
    rng, killed, in_a_save = np.random.RandomState(0), 0, 0
    for chain in range(chains):
        path = tmp_path / ('chain%d.npz' % chain)
        more = [*net, 'resume=True']
        for kill in range(kills):
            run = start(*arguments(folder, path, nepoch, *more))
            if kill:                                                             # the first one: at any moment
                wait_for(run, '0 ')
            time.sleep(rng.uniform(0, 0.3 if kill else 2))
            while kill % 2 and not glob.glob(str(tmp_path / '.*.part')) and run.poll() is None:
                pass
            run.kill()
            run.communicate()
            killed += run.returncode == -signal.SIGKILL
            in_a_save += len(glob.glob(str(tmp_path / '.*.part')))
        resumed = run_script(*arguments(folder, path, nepoch, *more))
        assert resumed.returncode == 0 and resumed.stdout == wanted.stdout, resumed.stderr
        assert contents(path) == contents(tmp_path / 'whole.npz')
    with capsys.disabled():
        print('\n%d runs killed, %d of them within a save' % (killed, in_a_save))
    assert not glob.glob(str(tmp_path / '.*.part'))
    assert killed == chains * kills and in_a_save >= amount(1, 50)


def test_refusals_of_the_script_are_one_line_and_status_1(folder, tmp_path):
    path = tmp_path / 'a.npz'
    assert run_script(*arguments(folder, path, 2)).returncode == 0
    before = contents(path)
    again = run_script(*arguments(folder, path, 2))
    assert_one_line(again, 1, 'a.npz: is there already: resume=True resumes from it')
    another = run_script(*arguments(folder, path, 2, 'resume=True', 'eta=0.25', 'seed=1'))
    assert_one_line(another, 1, 'a.npz: is of another training: eta = 0.05, not 0.25, seed = 0, not 1')
    assert again.stdout == another.stdout == ''
    (tmp_path / 'other').mkdir()
    other = write_folder(tmp_path / 'other', *arrays((12, 10), K=3, NL=600, NT=60, seed=9))
    assert_one_line(run_script(*arguments(other, path, 2, 'resume=True')), 1, 'a.npz: is of a training on other data')
    assert contents(path) == before
    changed = run_script(*arguments(folder, path, 3, 'resume=True', 'eta=0.25', 'change=eta'))
    assert changed.returncode == 0 and '\n# changed from epoch 3: eta=0.25\n### ' in changed.stdout, changed.stderr


def test_the_second_of_two_runs_with_one_checkpoint_is_told(folder, tmp_path):
    path = tmp_path / 'a.npz'
    first = start(*arguments(folder, path, 100000))
    wait_for(first, '0 ')
    assert_one_line(run_script(*arguments(folder, path, 100000, 'resume=True')), 1, 'a.npz: another run is using it')
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    assert first.returncode == 143
    assert os.listdir(str(tmp_path)) == ['a.npz']
    archive.read(str(path), ('checkpoint',), checkpoints.FORMAT)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own of 64 KiB."""
    disk = tmp_path / 'disk'
    disk.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', str(disk)], stderr=subprocess.PIPE).returncode:
        pytest.skip('no small disk: mounting one is not allowed here')
    yield disk
    subprocess.run(['umount', '-l', str(disk)], check=True)


def test_a_full_disk_leaves_the_previous_checkpoint(folder, small_disk):
    path = small_disk / 'a.npz'
    more = ['hidden=full', 'H1=20', 'resume=True']
    run = start(*arguments(folder, path, 100000, *more))
    wait_for(run, '2 ')
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)
    before = contents(path)
    size = os.path.getsize(str(path))
    rng = np.random.RandomState(0)
    for _ in range(amount(2, 20)):
        free = rng.randint(0, size)
        with open(str(small_disk / 'filler'), 'wb') as file:
            room = os.statvfs(str(small_disk))
            file.write(b'x' * max(0, room.f_bavail * room.f_frsize - free))
        run = run_script(*arguments(folder, path, 100000, *more))
        assert_one_line(run, 1, 'a.npz: cannot be written: No space left on device')
        assert contents(path) == before and sorted(os.listdir(str(small_disk))) == ['a.npz', 'filler']


def test_diverging_runs_keep_the_last_good_checkpoint(folder, tmp_path):
    for seed in range(amount(2, 20)):
        path = tmp_path / ('%d.npz' % seed)
        run = run_script(*arguments(folder, path, 50, 'afunc1=linear', 'eta=%g' % (2 * 3 ** seed), 'seed=%d' % seed))
        assert run.returncode == 3, (seed, run.stdout, run.stderr)
        assert re.search(r'^the (cost|sum of the weights) is (nan|inf|-inf) (in|after) epoch \d+', run.stderr, re.M)
        about, there = archive.read(str(path), ('checkpoint',), checkpoints.FORMAT)
        assert all(np.isfinite(A).all() for A in there.values())
        epoch = int(re.search(r'epoch (\d+)', run.stderr).group(1))
        assert about['epoch'] == epoch and about['minibatch'] == 0
