"""Checkpoints: exact resume, to other ends and with other optimisers; files of earlier versions; saving."""
import functools
import os
import shutil
import signal
import time

import numpy as np
import pytest
import theano

import mlp_2layer
import training
from conftest import ROOT
from convnet import ConvLayer
from datasets.files import FileError
from helpers import NoData, contents, small_data, small_net
from helpers_checkpoints import SETTINGS, train, variables
from run import archive, checkpoints, saved_nets
from run.state import State


# ---- resuming

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
    assert '# %s: the errors after epochs 1, 2 were not computed\n' % path in capsys.readouterr().err


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
    for other, name in (None, 'momentum SGD'), (lambda cost, params: adam(cost, params), '<lambda>'):
        with pytest.raises(FileError, match="is of another training: optimiser = 'adam', not '%s' " % name):
            train(path, optimiser=other)


def test_shared_variables_that_an_after_epoch_changes_are_resumed(tmp_path):
    """A rate in an optimiser, and the weight of a penalty that is in the training cost alone: anew in each process."""
    def trained(name, nepoch):
        rate, weight, net = theano.shared(np.float32(0.1)), theano.shared(np.float32(0)), small_net()
        plain = net.training_cost
        net.training_cost = lambda X, t: plain(X, t) + weight * (net.params[0]**2).sum()

        def sgd(cost, params):
            return {W: W - rate * g for W, g in zip(params, theano.grad(cost, params))}

        def change(epoch, *_):
            rate.set_value(np.float32(0.1 / 2**epoch))
            weight.set_value(np.float32(0.1 * epoch))

        return train(tmp_path / name, nepoch, net=net, optimiser=sgd, after_epoch=change)

    whole = trained('whole.npz', 4)
    trained('a.npz', 2)
    assert trained('a.npz', 4) == whole and variables(tmp_path / 'a.npz') == variables(tmp_path / 'whole.npz')


def test_a_shared_variable_that_nobody_changes_is_no_part_of_a_checkpoint(tmp_path):
    """So another value counts from the resume on, and another order of them changes nothing."""
    def trained(name, nepoch, weights):
        shared = [theano.shared(np.float32(weight)) for weight in weights]

        def sgd(cost, params):
            penalty = sum(weight * (W**2).sum() for weight, W in zip(shared, params[::2]))
            return {W: W - 0.1 * g for W, g in zip(params, theano.grad(cost + penalty, params))}

        return train(tmp_path / name, nepoch, optimiser=sgd)

    logs = [trained('whole%d.npz' % n, 4, weights) for n, weights in enumerate([(0.1, 0.01), (0.5, 0.01)])]
    trained('a.npz', 2, (0.1, 0.01))
    assert not [name for name in contents(tmp_path / 'a.npz') if name[0] in 'BS']
    shutil.copy(str(tmp_path / 'a.npz'), str(tmp_path / 'b.npz'))
    assert trained('a.npz', 4, (0.1, 0.01)) == logs[0]
    changed = trained('b.npz', 4, (0.5, 0.01))
    assert changed[:5] == logs[0][:5] and changed[-1] not in (logs[0][-1], logs[1][-1])


class Own:
    def __init__(self):
        self.func = None

    def __call__(self, cost, params):
        return adam(cost, params)


@pytest.mark.parametrize('optimiser, name', [
    (None, 'momentum SGD'), (adam, 'adam'), (functools.partial(functools.partial(adam)), 'adam'), (Own(), 'Own'),
    (Own().__call__, 'Own.__call__')])
def test_an_optimiser_is_known_by_its_name(optimiser, name):
    assert training.name_of(optimiser) == name


def test_a_setting_that_is_no_longer_given_may_be_named_in_change(four_epochs, tmp_path):
    train(tmp_path / 'a.npz', nepoch=2, own=1)
    assert train(tmp_path / 'a.npz', change=('own',)) == four_epochs[1]


def test_lines_of_after_epoch_are_resumed_where_they_are(tmp_path):
    def note(epoch, net, log):
        log += ['', '# after %d' % epoch, '4 of its own', '# eta: its own, too']

    path = tmp_path / 'a.npz'
    train(path, nepoch=2, after_epoch=note)
    whole = train(tmp_path / 'b.npz', after_epoch=note)
    assert train(path, after_epoch=note) == whole
    assert whole[4:8] == ['', '# after 1', '4 of its own', '# eta: its own, too'] and len(whole[-1].split()) == 5


def test_settings_of_one_s_own_are_compared_as_they_are(tmp_path, capsys):
    path, own = tmp_path / 'a.npz', dict(a=np.float32(0.1), b=((1, 2), (3, 4)), c={1: 2}, d=np.int64(3))
    train(path, nepoch=2, **own)
    train(path, nepoch=2, **own)
    with pytest.raises(FileError, match=r'is of another training: b = \(\(1, 2\), \(3, 4\)\), not \(1, 2\)'):
        train(path, nepoch=2, **dict(own, b=(1, 2)))
    with pytest.raises(FileError, match='b.npz: a = <object .*>: cannot be kept: must be a number, text'):
        train(tmp_path / 'b.npz', nepoch=2, a=object())


def test_resume_without_a_checkpoint_starts_anew(four_epochs, tmp_path):
    assert train(tmp_path / 'a.npz', resume=False) == four_epochs[1]
    assert contents(tmp_path / 'a.npz') == contents(four_epochs[0])


def test_load_net_takes_the_net_from_a_checkpoint(four_epochs):
    saved = saved_nets.load_net(str(four_epochs[0]))
    assert repr(saved.net) == repr(small_net()) and saved.K == 2 and saved.source == 'two classes'
    assert saved.settings['eta'] == 0.1
    there = variables(four_epochs[0])
    assert [W.get_value().tobytes() for W in saved.net.params] == [there['W%d' % n] for n in range(4)]
    assert np.array_equal(saved.mean, np.zeros((1, 6, 7)))


# ---- of earlier versions

def test_a_checkpoint_that_tells_of_eta_alone_resumes_as_it_did(four_epochs, tmp_path):
    path = tmp_path / 'a.npz'
    train(path, nepoch=2)
    about, arrays = archive.read(str(path), ('checkpoint',), checkpoints.FORMAT)
    about['rates'] = about['rates']['eta']
    del about['since']
    archive.write(str(path), 'checkpoint', checkpoints.FORMAT, about, arrays)
    assert train(path) == four_epochs[1] and variables(path) == variables(four_epochs[0])


@pytest.mark.parametrize('format, text', [
    (1, 'whose momentum had another formula'), (3, 'which subtracted the mean image')])
def test_a_checkpoint_of_an_earlier_version_is_refused_by_name(four_epochs, tmp_path, format, text):
    path = tmp_path / 'a.npz'
    if format == 1:
        shutil.copy(os.path.join(ROOT, 'tests', 'saved_by_format_1', 'checkpoint.npz'), str(path))
    else:
        about, arrays = archive.read(str(four_epochs[0]), ('checkpoint',), checkpoints.FORMAT)
        archive.write(str(path), 'checkpoint', format, about, arrays)
    with pytest.raises(FileError) as error:
        train(path)
    assert str(error.value) == '%s: was written by an earlier version, %s: remove it to start anew' % (path, text)


# ---- writing

def test_saving_costs_little_beside_an_epoch(tmp_path):
    """A checkpoint of conv16-ds2 takes a few milliseconds; an epoch takes some hundred."""
    rng = np.random.RandomState(0)
    net = mlp_2layer.Net(ConvLayer(28, 28, 1, 5, 5, 16, (2, 2), 'linear', False, rng=rng), 10, rng)
    velocities = [theano.shared(W.get_value()) for W in net.params]
    state, times = State(net.params + velocities, rng, []), []
    with checkpoints.Checkpoint(str(tmp_path / 'a.npz'), {}, NoData, False) as checkpoint:
        checkpoint.restore(net, state, 1, 1, {})
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


def test_a_link_and_its_file_are_one_checkpoint(tmp_path):
    os.symlink('a.npz', str(tmp_path / 'link.npz'))
    with checkpoints.Checkpoint(str(tmp_path / 'a.npz'), {}, NoData, True):
        with pytest.raises(FileError, match='link.npz: another run is using it'):
            checkpoints.Checkpoint(str(tmp_path / 'link.npz'), {}, NoData, True).__enter__()
    assert os.listdir(str(tmp_path)) == ['link.npz']


def test_a_lock_file_that_somebody_removes_is_not_missed(four_epochs, tmp_path):
    path = tmp_path / 'a.npz'
    assert train(path, after_epoch=lambda epoch, *_: epoch == 2 and os.unlink('%s.lock' % path)) == four_epochs[1]
