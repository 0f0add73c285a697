"""Checkpoints: exact resume, to other ends and with other optimisers, and what is refused."""
import os
import shutil
import signal
import time

import numpy as np
import pytest
import theano

import mlp_2layer
import mlp_3layer
import training
from conftest import ROOT
from convnet import ConvLayer
from datasets.files import FileError
from helpers import NoData, contents, small_data, small_net
from nnet import FullLayer
from run import archive, checkpoints, saved_nets


def variables(path):
    """The parameters and what the optimiser keeps, as bytes by name."""
    return {name: array for name, array in contents(path).items() if name[0] in 'Wv'}


SETTINGS = {'eta': 0.1, 'batchsize': 20, 'ds1': (2, 2), 'seed': 0, 'nepoch': 4, 'interval': 2, 'data': 'a', 'save': ''}


def train(path, nepoch=4, interval=2, resume=True, optimiser=None, after_epoch=None, data=None, net=None, eta_of=0.02,
          mu=0.8, change=(), **settings):
    """The log of a training with a checkpoint, in this process."""
    data = data or small_data()
    with checkpoints.Checkpoint(str(path), dict(SETTINGS, **settings), data, resume, change) as kept:
        return training.train(net or small_net(), data, eta_of, mu, 20, nepoch, interval, np.random.RandomState(1),
                              None, kept, optimiser, after_epoch)


@pytest.fixture(scope='module')
def four_epochs(tmp_path_factory):
    """The file and the log of four epochs at once."""
    path = tmp_path_factory.mktemp('whole') / 'whole.npz'
    return path, train(path)


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
    with pytest.raises(FileError) as error:
        train(path)                                                 # by momentum
    assert str(error.value) == '%s: is of another optimiser' % path


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


# ---- what is refused

def conv_net(rng=np.random.RandomState(0)):
    return mlp_2layer.Net(ConvLayer(6, 7, 1, 3, 3, 2, (2, 2), 'tanh', rng=rng), 2, rng)


def three_layers(rng=np.random.RandomState(0)):
    return mlp_3layer.Net(*(FullLayer(D, 5, 'tanh', rng=rng) for D in (42, 5)), 2, rng)


@pytest.mark.parametrize('changed, text', [
    (dict(resume=False), 'is there already: resume=True resumes from it; remove it to start anew'),
    (dict(nepoch=3), 'has 4 epochs already: nepoch = 3 is less'),
    (dict(eta=0.25, ds1=(3, 3)), 'is of another training: ds1 = (2, 2), not (3, 3), eta = 0.1, not 0.25 '
                                 '(eta, mu, batchsize may be named in change=)'),
    (dict(data=small_data(seed=1)), 'is of a training on other data'),
    (dict(net=conv_net()), 'is of another net: layer 1 is a nnet.FullLayer, not a convnet.ConvLayer'),
    (dict(net=mlp_2layer.Net(FullLayer(42, 5, 'ReLu', rng=np.random.RandomState(0)), 2, np.random.RandomState(0))),
     "is of another net: layer 1: afunc = 'tanh', not 'ReLu'"),
    (dict(net=three_layers()), 'is of another net: of class mlp_2layer.Net, 2 layers, not mlp_3layer.Net, 3 layers'),
    (dict(mu=0.5), 'is of another training: mu = 0.8 in epoch 1, not 0.5 (mu may be named in change=)'),
    (dict(eta_of=lambda epoch: 0.02 * epoch),
     'is of another training: eta = 0.02 in epoch 2, not 0.04 (eta may be named in change=)'),
], ids=lambda value: value and str(value)[:30])
def test_a_checkpoint_of_another_training_is_refused(four_epochs, changed, text, capsys, nothing_compiled):
    path = four_epochs[0]
    before = contents(path)
    with pytest.raises(FileError) as error:
        train(path, **changed)
    assert str(error.value) == '%s: %s' % (path, text) and error.value.status == 1
    assert contents(path) == before and capsys.readouterr().out == ''


def test_what_is_named_in_change_may_be_another_between_epochs(four_epochs, tmp_path):
    def resumed(path, *change):
        settings = dict(SETTINGS, eta=0.05, batchsize=10)
        with checkpoints.Checkpoint(str(path), settings, small_data(), True, change) as kept:
            return kept.changes

    assert resumed(four_epochs[0], 'eta', 'batchsize') == ['epoch 5: batchsize=10 eta=0.05']
    with pytest.raises(FileError, match=': is of another training: batchsize = 20, not 10 '):
        resumed(four_epochs[0], 'eta')
    about, arrays = archive.read(str(four_epochs[0]), ('checkpoint',), checkpoints.FORMAT)
    path = tmp_path / 'a.npz'
    archive.write(str(path), 'checkpoint', checkpoints.FORMAT, dict(about, epoch=4, minibatch=1), arrays)
    with pytest.raises(FileError, match='within epoch 4: batchsize = 20 can be changed between epochs only'):
        resumed(path, 'eta', 'batchsize')


def test_another_function_of_the_epoch_is_refused_where_it_has_been_asked(tmp_path):
    path = tmp_path / 'a.npz'
    train(path, nepoch=2, eta_of=lambda epoch: 0.1 / epoch)
    with pytest.raises(FileError) as error:
        train(path, eta_of=lambda epoch: 0.1 / epoch**2)
    assert str(error.value) == ('%s: is of another training: eta = 0.05 in epoch 2, not 0.025 (eta may be named in '
                                'change=)' % path)
    log = train(path, nepoch=3, eta_of=lambda epoch: 0.1 / min(epoch, 2))
    assert log == train(tmp_path / 'b.npz', nepoch=3, eta_of=lambda epoch: 0.1 / min(epoch, 2))
    assert log[0] == '# eta: 0.1 in epoch 1, 0.05 in epoch 3'
    told = ['# changed from epoch 4: eta=0.04', '# eta: 0.1 in epoch 1, 0.04 in epoch 4']
    assert train(path, nepoch=4, eta_of=lambda epoch: 0.01 * epoch, change=('eta',))[:2] == told
    again = train(path, nepoch=5, eta_of=lambda epoch: 0.01 * epoch)         # what it was changed to, asked once more
    assert again[:2] == ['# changed from epoch 4: eta=0.04', '# eta: 0.1 in epoch 1, 0.05 in epoch 5']


def test_another_constant_is_told_where_it_was_asked_for(tmp_path):
    path, told = tmp_path / 'a.npz', '# changed from epoch 3: mu=0.5'
    assert train(path, nepoch=2)[0].startswith('###')
    assert train(path, nepoch=3, mu=0.5, change=('mu',))[:2] == [told, '### 2-layer MLP']
    assert train(path, mu=0.5)[:2] == [told, '### 2-layer MLP']


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
    state, times = checkpoints.State(net.params + velocities, rng, []), []
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


class Penalised(mlp_2layer.Net):
    def training_cost(self, X, t):
        return super().training_cost(X, t) + 0.01 * (self.layers[0].W**2).sum()


def test_a_net_of_another_class_is_refused(tmp_path):
    path = tmp_path / 'a.npz'
    rng = np.random.RandomState(0)
    train(path, net=Penalised(FullLayer(42, 5, 'tanh', rng=rng), 2, rng))
    with pytest.raises(FileError, match='is of another net'):
        train(path, nepoch=9)
