"""Checkpoints and saved nets: exact resume after real kills, files that are refused, disks that are full."""
import glob
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import theano
import theano.tensor as T

import mlp_2layer
import mlp_3layer
from run import saving
from conftest import ROOT, amount, run_script
from convnet import ConvLayer
from nnet import FullLayer
from helpers_data import arrays, write_folder


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A small data set of 12 x 10 pixels and 3 classes, not to be learnt at once."""
    X, t, XT, tT = arrays((12, 10), K=3, NL=600, NT=60)
    return write_folder(tmp_path_factory.mktemp('idx'), X, t, XT, tT)


def arguments(folder, path, nepoch=6, *more):
    return ['data=' + folder, 'NL=500', 'W1nch=4', 'batchsize=50', 'interval=2', 'nepoch=%d' % nepoch,
            'checkpoint=%s' % path, *more]


def start(*arguments):
    return subprocess.Popen([sys.executable, 'mnist_convnet.py', *arguments], cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, universal_newlines=True)


def contents(path):
    """Everything in an .npz file, as bytes by name."""
    with np.load(str(path), allow_pickle=False) as file:
        return {name: file[name].tobytes() for name in file.files}


def small_net(seed=0):
    rng = np.random.RandomState(seed)
    return mlp_3layer.Net(ConvLayer(7, 6, 2, 3, 2, 4, (2, 3), 'ReLu', True, rng=rng), FullLayer(4 * 3 * 2, 5, 'tanh', rng=rng), 3, rng)


class Data:
    """What saving asks of a Data."""
    K, source, mean = 3, 'made up', np.full((2, 7, 6), 0.25)
    XL = XV = XT = np.zeros((1, 2, 7, 6), 'float32')
    tL = tV = tT = np.zeros(1, 'int32')


# ---- going on

@pytest.mark.parametrize('number, status', [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_goes_on_to_the_same_log_and_checkpoint(folder, tmp_path, number, status):
    whole = run_script(*arguments(folder, tmp_path / 'whole.npz', 40))
    assert whole.returncode == 0, whole.stderr
    path = tmp_path / 'stopped.npz'
    run = start(*arguments(folder, path, 40))
    while not run.stdout.readline().startswith('2 '):
        assert run.poll() is None
    run.send_signal(number)
    err = run.communicate(timeout=60)[1]
    assert run.returncode == status and re.search(r'^stopped by \S+ (after epoch \d+, minibatch|while evaluating)', err, re.M)
    resumed = run_script(*arguments(folder, path, 40, 'resume=True'))
    assert resumed.returncode == 0 and resumed.stdout == whole.stdout
    assert contents(path) == contents(tmp_path / 'whole.npz')
    assert sorted(os.listdir(str(tmp_path))) == ['stopped.npz', 'whole.npz']


def test_killed_runs_go_on_to_the_same_log_parameters_and_velocities(folder, tmp_path, capsys):
    """Chains of runs that are killed at random moments and resumed; every other one as soon as it is seen to save."""
    nepoch, chains, kills = amount(1000, 3000), amount(1, 20), amount(4, 10)     # a run must outlast its kills
    wanted = run_script(*arguments(folder, tmp_path / 'whole.npz', nepoch, 'W1nch=1', 'batchsize=500'))
    assert wanted.returncode == 0, wanted.stderr
    rng, killed, in_a_save = np.random.RandomState(0), 0, 0
    for chain in range(chains):
        path = tmp_path / ('chain%d.npz' % chain)
        more = ['W1nch=1', 'batchsize=500', 'resume=True']
        for kill in range(kills):
            run = start(*arguments(folder, path, nepoch, *more))
            while kill and not run.stdout.readline().startswith('0 '):           # the first one: at any moment
                assert run.poll() is None
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


def test_resume_without_a_checkpoint_starts_anew(folder, tmp_path):
    plain = run_script(*arguments(folder, tmp_path / 'a.npz', 2))
    resumed = run_script(*arguments(folder, tmp_path / 'b.npz', 2, 'resume=True'))
    assert resumed.stdout == plain.stdout and resumed.returncode == 0


def test_a_finished_run_prints_its_log_again(folder, tmp_path):
    first, again = (run_script(*arguments(folder, tmp_path / 'a.npz', 2, 'resume=True')) for _ in range(2))
    assert first.stdout == again.stdout and again.returncode == 0


# ---- what is refused

def one_line(run, status, text):
    assert run.returncode == status, run.stderr
    assert text in run.stderr and 'Traceback' not in run.stderr
    assert len([line for line in run.stderr.split('\n') if line and not line.startswith('#')]) == 1, run.stderr


def test_a_checkpoint_of_another_training_is_refused(folder, tmp_path):
    path = tmp_path / 'a.npz'
    run_script(*arguments(folder, path, 2))
    before = contents(path)
    again = run_script(*arguments(folder, path, 2))
    one_line(again, 1, 'a.npz: is there already: resume=True goes on from it')
    another = run_script(*arguments(folder, path, 2, 'resume=True', 'eta=0.25', 'seed=1'))
    one_line(another, 1, 'a.npz: is of another training: eta = 0.5, not 0.25, seed = 0, not 1')
    assert again.stdout == another.stdout == ''
    X, t, XT, tT = arrays((12, 10), K=3, NL=600, NT=60, seed=9)
    (tmp_path / 'other').mkdir()
    other = write_folder(tmp_path / 'other', X, t, XT, tT)
    one_line(run_script(*arguments(other, path, 2, 'resume=True')), 1, 'a.npz: is of a training on other data')
    assert contents(path) == before


def test_damage_is_seen_wherever_it_is(tmp_path):
    net, path = small_net(), str(tmp_path / 'net.npz')
    saving.save_net(path, net, Data, {'eta': 0.5})
    with open(path, 'rb') as file:
        whole = file.read()
    rng = np.random.RandomState(0)
    for k in range(amount(300, 3000)):
        damaged = bytearray(whole)
        if k % 2:
            del damaged[rng.randint(len(whole)):]
        else:
            damaged[rng.randint(len(whole))] ^= 1 << rng.randint(8)
        with open(path, 'wb') as file:
            file.write(damaged)
        try:
            there = saving.read(path, 'saved net')
        except saving.SavingError as error:
            assert str(error).startswith(path + ': ') and '\n' not in str(error)
        else:                              # a bit that means nothing, such as the date in the archive's directory
            with open(path, 'wb') as file:
                file.write(whole)
            about, arrays = saving.read(path, 'saved net')
            assert there[0] == about and all(np.array_equal(there[1][name], arrays[name]) for name in arrays)


@pytest.mark.parametrize('content, text', [
    (b'', 'not a saved net, or damaged'), (b'<html>', 'not a saved net, or damaged'),
    ('pickle', 'not a saved net, or damaged'), ('huge', 'not a saved net, or damaged'),
    ('newer', 'format 99 is newer than 1'), ('checkpoint', 'is a checkpoint, not a saved net'), (None, 'No such file'),
])
def test_foreign_files_are_refused(tmp_path, content, text):
    path = str(tmp_path / 'net.npz')
    if content == 'pickle':
        np.savez(path, about=np.array([{'kind': 'saved net'}], dtype=object), checksum='')
    elif content == 'huge':                # 4 TB, says its header
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {'descr': '<f4', 'fortran_order': False, 'shape': (10**12,)})
        import zipfile
        with zipfile.ZipFile(path, 'w') as file:
            file.writestr('about.npy', head.getvalue())
    elif content == 'newer':
        about = json.dumps({'kind': 'saved net', 'format': 99})
        np.savez(path, about=about, checksum=saving.checksum(about, {}))
    elif content == 'checkpoint':
        saving.write(path, 'checkpoint', {}, {})
    elif content is not None:
        with open(path, 'wb') as file:
            file.write(content)
    with pytest.raises(saving.SavingError) as error:
        saving.load_net(path)
    assert text in str(error.value) and path in str(error.value) and '\n' not in str(error.value)


def test_the_second_of_two_runs_with_one_checkpoint_is_told(folder, tmp_path):
    path = tmp_path / 'a.npz'
    first = start(*arguments(folder, path, 100000))
    while not first.stdout.readline().startswith('0 '):
        assert first.poll() is None
    one_line(run_script(*arguments(folder, path, 100000, 'resume=True')), 1, 'a.npz: another run is using it')
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)
    assert first.returncode == 143
    assert os.listdir(str(tmp_path)) == ['a.npz']
    saving.read(str(path), 'checkpoint')


# ---- writing

@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own of 64 KiB."""
    disk = tmp_path / 'disk'
    disk.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', str(disk)], stderr=subprocess.PIPE).returncode:
        pytest.skip('no small disk: mounting one is not allowed here')
    yield disk
    subprocess.run(['umount', '-l', str(disk)], check=True)


def test_a_full_disk_leaves_the_previous_checkpoint(folder, small_disk, tmp_path):
    path = small_disk / 'a.npz'
    more = ['hidden=full', 'H1=20', 'resume=True']
    run = start(*arguments(folder, path, 100000, *more))
    while not run.stdout.readline().startswith('2 '):
        assert run.poll() is None
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
        one_line(run, 1, 'a.npz: cannot be written: No space left on device')
        assert contents(path) == before and sorted(os.listdir(str(small_disk))) == ['a.npz', 'filler']


def test_diverging_runs_keep_the_last_good_checkpoint(folder, tmp_path):
    for seed in range(amount(2, 20)):
        path = tmp_path / ('%d.npz' % seed)
        run = run_script(*arguments(folder, path, 50, 'afunc1=ReLu', 'eta=%g' % (30 * 3 ** seed), 'seed=%d' % seed))
        assert run.returncode == 3, (seed, run.stdout, run.stderr)
        assert re.search(r'^the (cost|sum of the weights) is (nan|inf|-inf) (in|after) epoch \d+', run.stderr, re.M)
        about, there = saving.read(str(path), 'checkpoint')
        assert all(np.isfinite(A).all() for A in there.values())
        epoch = int(re.search(r'epoch (\d+)', run.stderr).group(1))
        assert about['epoch'] == epoch and about['minibatch'] == 0


# ---- saved nets

@pytest.mark.parametrize('build', [
    small_net,
    lambda seed: mlp_2layer.Net(FullLayer(84, 6, 'sigmoid', False, rng=np.random.RandomState(seed)), 3, np.random.RandomState(seed)),
    lambda seed: mlp_3layer.Net(ConvLayer(7, 6, 2, 3, 2, 4, (2, 2), 'linear', False, rng=np.random.RandomState(seed)),
                                ConvLayer(3, 3, 4, 2, 2, 3, (1, 1), 'tanh', True, rng=np.random.RandomState(seed)), 3,
                                np.random.RandomState(seed)),
])
def test_a_saved_net_comes_back(tmp_path, rng, build):
    net, path = build(5), str(tmp_path / 'net.npz')
    saving.save_net(path, net, Data, {'eta': 0.5, 'ds1': (2, 2)})
    saved = saving.load_net(path)
    images = rng.normal(size=(11, 2, 7, 6)).astype('float32')
    X = T.tensor4()
    before, after = (theano.function([X], n.output(X))(images) for n in (net, saved.net))
    np.testing.assert_array_equal(before, after)
    assert repr(saved.net) == repr(net)
    assert saved.K == 3 and saved.source == 'made up' and np.array_equal(saved.mean, Data.mean) and saved.settings['eta'] == 0.5


def test_the_script_saves_a_net_whose_test_error_is_the_log_s(folder, tmp_path):
    import mnist
    path = str(tmp_path / 'net.npz')
    run = run_script(*arguments(folder, tmp_path / 'a.npz', 3, 'save=' + path))
    assert run.returncode == 0, run.stderr
    saved, data = saving.load_net(path), mnist.load(folder, 500)
    np.testing.assert_array_equal(saved.mean, data.mean)
    X = T.tensor4()
    p = theano.function([X], saved.net.output(X))(data.XT)
    error = 100 * np.sum(p.argmax(1) != data.tT) / len(data.tT)
    assert float(run.stdout.rstrip().split('\n')[-1].split()[-1]) == pytest.approx(error, rel=1e-9)


@pytest.mark.parametrize('argument, text', [
    ('checkpoint=a.txt', "checkpoint = 'a.txt': must be '' or a file FILE.npz in a folder that exists and can be written"),
    ('save=/nowhere/a.npz', "save = '/nowhere/a.npz': must be ''"), ('save=3', "save = '3': must be ''"),
    ('resume=True', 'resume = True: checkpoint must name the file'), ('resume=1', 'resume = 1: must be True or False'),
])
def test_wrong_names_are_one_line_and_status_2(argument, text):
    one_line(run_script(argument), 2, text)


def test_saving_costs_little_beside_an_epoch(tmp_path):
    """A checkpoint of conv16-ds2 takes a few milliseconds; an epoch takes some hundred."""
    rng = np.random.RandomState(0)
    net = mlp_2layer.Net(ConvLayer(28, 28, 1, 5, 5, 16, (2, 2), 'linear', False, rng=rng), 10, rng)
    params = [W.get_value() for W in net.params]
    state = saving.State(1, 0, rng.get_state(), [], params, params)
    times = []
    with saving.Checkpoint(str(tmp_path / 'a.npz'), {}, Data, False) as checkpoint:
        for _ in range(10):
            begun = time.perf_counter()
            checkpoint.save(state)
            times.append(time.perf_counter() - begun)
    assert sorted(times)[5] < 0.05


def test_nothing_is_left_of_parts_of_a_killed_save(tmp_path):
    path = str(tmp_path / 'a.npz')
    shutil.copy(__file__, str(tmp_path / '.a.npz-killed.part'))
    with saving.Checkpoint(path, {}, Data, True) as checkpoint:
        assert checkpoint.loaded is None
    assert os.listdir(str(tmp_path)) == []
