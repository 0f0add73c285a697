"""A checkpoint resumed by another training than its own: refused by name, or told in the log where it is asked for."""
import os
import signal

import numpy as np
import pytest

import mlp_2layer
import mlp_3layer
import training
from convnet import ConvLayer
from datasets.files import FileError
from helpers import contents, small_data
from helpers_checkpoints import SETTINGS, train
from nnet import FullLayer
from run import archive, checkpoints


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


def test_a_run_is_not_ended_before_the_minibatches_it_has_done(tmp_path):
    def stop(epoch, *_):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)            # heard after the next minibatch

    path = tmp_path / 'a.npz'
    with pytest.raises(training.Stopped):
        train(path, after_epoch=stop)
    with pytest.raises(FileError, match='has 2 epochs and 1 minibatches already: nepoch = 2 is less'):
        train(path, nepoch=2)
    assert train(path, nepoch=3) == train(tmp_path / 'b.npz', nepoch=3)


def test_a_setting_that_the_file_does_not_know_was_off(tmp_path):
    """A hyperparameter of one's own, added to the script since."""
    path = tmp_path / 'a.npz'
    log = train(path)
    with pytest.raises(FileError, match='is of another training: smooth = None, not 0.1 '):
        train(path, smooth=0.1)
    assert train(path, pad1=0) == log
    with pytest.raises(FileError, match='is of another training: pad1 = 0, not 2 '):
        train(path, pad1=2)


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


class Penalised(mlp_2layer.Net):
    def training_cost(self, X, t):
        return super().training_cost(X, t) + 0.01 * (self.layers[0].W**2).sum()


def test_a_net_of_another_class_is_refused(tmp_path):
    path = tmp_path / 'a.npz'
    rng = np.random.RandomState(0)
    train(path, net=Penalised(FullLayer(42, 5, 'tanh', rng=rng), 2, rng))
    with pytest.raises(FileError, match='is of another net'):
        train(path, nepoch=9)
