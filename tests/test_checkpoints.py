"""Checkpoints: exact resume after real kills, other ends and optimisers, what is refused, disks that are full."""
import glob
import os
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
import theano

import mlp_2layer
import training
from conftest import ROOT, amount, run_script
from convnet import ConvLayer
from datasets.files import FileError
from helpers import NoData, assert_one_line, small_data, small_net, start, wait_for
from helpers_data import arrays, write_folder
from run import archive, checkpoints, saved_nets


def arguments(folder, path, nepoch=6, *more):
    return ['data=' + folder, 'NL=500', 'W1nch=4', 'batchsize=50', 'interval=2', 'nepoch=%d' % nepoch,
            'checkpoint=%s' % path, *more]


def contents(path):
    """Everything in an .npz file, as bytes by name."""
    with np.load(str(path), allow_pickle=False) as file:
        return {name: file[name].tobytes() for name in file.files}


def variables(path):
    """The parameters and what the optimiser keeps, as bytes by name."""
    return {name: array for name, array in contents(path).items() if name[0] in 'Wv'}


SETTINGS = {'eta': 0.1, 'ds1': (2, 2), 'seed': 0, 'nepoch': 4, 'interval': 2, 'data': 'here', 'save': ''}


def train(path, nepoch=4, interval=2, resume=True, optimiser=None, after_epoch=None, data=None, net=None, **settings):
    """The log of a training with a checkpoint, in this process."""
    data = data or small_data()
    with checkpoints.Checkpoint(str(path), dict(SETTINGS, **settings), data, resume) as kept:
        return training.train(net or small_net(), data, 0.02, 0.8, 20, nepoch, interval, np.random.RandomState(1), None,
                              kept, optimiser, after_epoch)


@pytest.fixture(scope='module')
def four_epochs(tmp_path_factory):
    """The file and the log of four epochs at once."""
    path = tmp_path_factory.mktemp('whole') / 'whole.npz'
    return path, train(path)


# ---- resuming

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
        array for name, array in sorted(variables(path).items()) if name[0] == 'W']
    resumed = run_script(*arguments(folder, path, 40, 'resume=True'))
    assert resumed.returncode == 0 and resumed.stdout == whole.stdout
    assert contents(path) == contents(tmp_path / 'whole.npz')
    assert sorted(os.listdir(str(tmp_path))) == ['net.npz', 'stopped.npz', 'whole.npz']


def test_killed_runs_resume_to_the_same_log_parameters_and_velocities(folder, tmp_path, capsys):
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


def test_two_epochs_and_two_more_are_four_at_once(four_epochs, tmp_path):
    path = tmp_path / 'a.npz'
    train(path, nepoch=2)
    assert train(path) == four_epochs[1] and variables(path) == variables(four_epochs[0])
    assert train(path) == four_epochs[1]                            # a finished run prints its log again


def test_another_interval_gives_the_lines_that_are_known(four_epochs, tmp_path, capsys):
    path = tmp_path / 'a.npz'
    train(path, nepoch=3, interval=3)
    capsys.readouterr()
    log = train(path, interval=1)
    assert [line.split()[0] for line in log] == ['###', '#', '###', '0', '3', '4', '#', '4']
    assert log[-3:] == four_epochs[1][-3:] and variables(path) == variables(four_epochs[0])
    assert capsys.readouterr().err == '# %s: the errors after epochs 1, 2 were not computed\n' % path


def test_a_run_that_is_now_to_end_where_it_is_has_its_errors(tmp_path):
    """Three epochs of ten are done, between two lines of the log; with nepoch=3 now, it is as if from the start."""
    path = tmp_path / 'a.npz'

    def stop(net, state):
        save(net, state)
        if state.epoch == 4:
            raise KeyboardInterrupt

    with checkpoints.Checkpoint(str(path), SETTINGS, small_data(), True) as kept, pytest.raises(KeyboardInterrupt):
        save, kept.save = kept.save, stop
        training.train(small_net(), small_data(), 0.02, 0.8, 20, 10, 10, np.random.RandomState(1), None, kept)
    assert train(path, nepoch=3, interval=10) == train(tmp_path / 'b.npz', nepoch=3, interval=10)


def adam(cost, params):
    """Kingma and Ba, 2015: two moments of each parameter and a count of steps."""
    rate, decay1, decay2 = 0.01, 0.9, 0.999
    step = theano.shared(np.zeros((), theano.config.floatX), 'step')
    updates = {step: step + 1}
    for W, g in zip(params, theano.grad(cost, params)):
        m, v = (theano.shared(np.zeros_like(W.get_value()), name) for name in 'mv')
        updates[m] = decay1 * m + (1 - decay1) * g
        updates[v] = decay2 * v + (1 - decay2) * g**2
        mean, square = updates[m] / (1 - decay1**(step + 1)), updates[v] / (1 - decay2**(step + 1))
        updates[W] = W - rate * mean / (theano.tensor.sqrt(square) + 1e-8)
    return updates


def test_an_optimiser_with_state_resumes_bit_for_bit_within_an_epoch(tmp_path):
    whole, path = tmp_path / 'whole.npz', tmp_path / 'a.npz'
    log = train(whole, optimiser=adam)
    assert float(log[-3].split()[1]) < float(log[3].split()[1])
    with pytest.raises(training.Stopped):
        train(path, optimiser=adam, after_epoch=lambda epoch, *_: epoch == 2 and os.kill(os.getpid(), signal.SIGTERM))
    about = archive.read(str(path), ('checkpoint',), checkpoints.FORMAT)[0]
    assert (about['epoch'], about['minibatch'], about['params'], about['variables']) == (3, 1, 4, 13)
    assert train(path, optimiser=adam) == log and contents(path) == contents(whole)
    with pytest.raises(FileError) as error:
        train(path)                                                 # by momentum
    assert str(error.value) == '%s: is of another net or another optimiser' % path


def test_resume_without_a_checkpoint_starts_anew(four_epochs, tmp_path):
    assert train(tmp_path / 'a.npz', resume=False) == four_epochs[1]
    assert contents(tmp_path / 'a.npz') == contents(four_epochs[0])


def test_load_net_takes_the_net_from_a_checkpoint(four_epochs):
    saved = saved_nets.load_net(str(four_epochs[0]))
    assert repr(saved.net) == repr(small_net()) and saved.K == 2 and saved.source == 'two classes'
    assert saved.settings['eta'] == 0.1
    there = variables(four_epochs[0])
    assert [W.get_value().tobytes() for W in saved.net.params] == [there['W%d' % n] for n in range(4)]
    assert np.array_equal(saved.mean, small_data().mean)


# ---- what is refused

def conv_net(rng=np.random.RandomState(0)):
    return mlp_2layer.Net(ConvLayer(6, 7, 1, 3, 3, 2, (2, 2), 'tanh', rng=rng), 2, rng)


@pytest.mark.parametrize('changed, text', [
    (dict(resume=False), 'is there already: resume=True resumes from it; remove it to start anew'),
    (dict(nepoch=3), 'has 4 epochs already: nepoch = 3 is less'),
    (dict(eta=0.25, ds1=(3, 3)), 'is of another training: ds1 = (2, 2), not (3, 3), eta = 0.1, not 0.25 '
                                 '(eta, mu, batchsize may be named in change=)'),
    (dict(data=small_data(seed=1)), 'is of a training on other data'),
    (dict(net=conv_net()), 'is of another net or another optimiser'),
], ids=lambda value: value and str(value)[:30])
def test_a_checkpoint_of_another_training_is_refused(four_epochs, changed, text, capsys, monkeypatch):
    path = four_epochs[0]
    before = contents(path)
    monkeypatch.setattr(theano, 'function', lambda *_, **__: pytest.fail('compiled'))
    with pytest.raises(FileError) as error:
        train(path, **changed)
    assert str(error.value) == '%s: %s' % (path, text) and error.value.status == 1
    assert contents(path) == before and capsys.readouterr().out == ''


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


def test_a_checkpoint_of_format_1_is_refused_by_name(tmp_path):
    path = tmp_path / 'a.npz'
    shutil.copy(os.path.join(ROOT, 'tests', 'saved_by_format_1', 'checkpoint.npz'), str(path))
    with pytest.raises(FileError) as error:
        train(path)
    assert str(error.value) == ('%s: was written by an earlier version, whose momentum had another formula: '
                                'remove it to start anew' % path)


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
        run = run_script(*arguments(folder, path, 50, 'afunc1=ReLu', 'eta=%g' % (6 * 3 ** seed), 'seed=%d' % seed))
        assert run.returncode == 3, (seed, run.stdout, run.stderr)
        assert re.search(r'^the (cost|sum of the weights) is (nan|inf|-inf) (in|after) epoch \d+', run.stderr, re.M)
        about, there = archive.read(str(path), ('checkpoint',), checkpoints.FORMAT)
        assert all(np.isfinite(A).all() for A in there.values())
        epoch = int(re.search(r'epoch (\d+)', run.stderr).group(1))
        assert about['epoch'] == epoch and about['minibatch'] == 0


def test_saving_costs_little_beside_an_epoch(tmp_path):
    """A checkpoint of conv16-ds2 takes a few milliseconds; an epoch takes some hundred."""
    rng = np.random.RandomState(0)
    net = mlp_2layer.Net(ConvLayer(28, 28, 1, 5, 5, 16, (2, 2), 'linear', False, rng=rng), 10, rng)
    velocities = [theano.shared(W.get_value()) for W in net.params]
    state, times = checkpoints.State(net.params + velocities, rng, []), []
    with checkpoints.Checkpoint(str(tmp_path / 'a.npz'), {}, NoData, False) as checkpoint:
        checkpoint.restore(net, state, 1, 1)
        for _ in range(10):
            begun = time.perf_counter()
            checkpoint.save(net, state)
            times.append(time.perf_counter() - begun)
    assert sorted(times)[5] < 0.05


def test_nothing_is_left_of_parts_of_a_killed_save(tmp_path):
    path = str(tmp_path / 'a.npz')
    shutil.copy(__file__, str(tmp_path / '.a.npz-killed.part'))
    with checkpoints.Checkpoint(path, {}, NoData, True) as checkpoint:
        assert checkpoint.loaded is None
    assert os.listdir(str(tmp_path)) == []
