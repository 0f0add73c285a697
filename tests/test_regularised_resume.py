"""Regularised trainings stopped and resumed: bit for bit, what they depend on, what the net has where they stop."""
import os
import signal

import numpy as np
import pytest

import mlp_2layer
import mlp_3layer
import training
from convnet import ConvLayer
from datasets.files import FileError
from helpers import small_data, small_net
from nnet import FullLayer, random_stream
from run import archive
from run.checkpoints import FORMAT, Checkpoint
from run.saved_nets import load_net
from run.signals import Stopped

RNG = np.random.RandomState
ALL = dict(decay=0.001, maxnorm=2., average=0.95, schedule='cosine', warmup=1, distort=(1, 10., 0.1, 1.), seed=3,
           refine=1)


def run(path, resume=False):
    """(log, net) of a run with everything on."""
    rng, data = RNG(0), small_data()
    layer1 = ConvLayer(6, 7, 1, 3, 3, 4, (3, 3), 'ReLu', rng=rng, st=(2, 2), pad=1, drop=0.2)
    net = mlp_3layer.Net(layer1, FullLayer(layer1.H, 6, 'tanh', rng=rng, drop=0.4), 2, rng)
    with Checkpoint(path, {'seed': 3}, data, resume) as checkpoint:
        return training.train(net, data, 0.1, (0.5, 0.9, 2), 20, 3, 1, random_stream(3, 'order'), None, checkpoint,
                              **ALL), net


def test_a_run_with_everything_is_resumed_within_an_epoch_bit_for_bit(tmp_path, monkeypatch):
    whole, net = run(str(tmp_path / 'whole.npz'))
    path = str(tmp_path / 'stopped.npz')
    with monkeypatch.context() as patch:
        patch.setattr(training.Progress, 'show',
                      lambda self, done, _: done == 9 and os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(Stopped, match='epoch 2, minibatch 3 of 6'):
            run(path)
    resumed, again = run(path, resume=True)
    assert resumed == whole
    for W, V in zip(net.params, again.params):
        np.testing.assert_array_equal(W.get_value(), V.get_value())
    for W, V in zip(net.params, load_net(path).net.params):                  # the running means, of a checkpoint too
        np.testing.assert_array_equal(W.get_value(), V.get_value())


def test_the_last_epochs_are_of_images_as_they_are(tmp_path):
    def trained(nepoch, path, **options):
        with Checkpoint(str(tmp_path / path), {}, small_data(), True) as checkpoint:
            return training.train(small_net(), small_data(), 0.1, 0.8, 20, nepoch, 1, RNG(0), None, checkpoint,
                                  **options)

    distort = dict(distort=(1, 10., 0.1, 1.))
    plain, distorted = trained(4, 'plain.npz'), trained(4, 'distorted.npz', **distort)
    assert trained(4, 'none.npz', **distort, refine=4) == trained(4, 'less.npz', **distort, refine=9) == plain
    trained(2, 'two.npz', **distort)
    about, arrays = archive.read(str(tmp_path / 'two.npz'), ('checkpoint',), FORMAT)
    about['settings'].update(shift=0, rotate=0, zoom=0, elastic=0)
    archive.write(str(tmp_path / 'two.npz'), 'checkpoint', FORMAT, about, arrays)
    refined = trained(4, 'refined.npz', **distort, refine=2)
    assert refined == trained(4, 'two.npz') and refined != distorted


@pytest.mark.parametrize('setting', [{'schedule': 'linear'}, {'refine': 2}])
@pytest.mark.parametrize('told', [True, False])                    # whether the settings to compare have it, too
def test_a_run_that_has_to_know_its_end_is_not_resumed_with_another(setting, told, tmp_path):
    def trained(nepoch):
        settings = dict(setting, nepoch=nepoch) if told else {}
        with Checkpoint(str(tmp_path / 'c.npz'), settings, small_data(), True) as checkpoint:
            training.train(small_net(), small_data(), 0.1, 0.8, 20, nepoch, 1, RNG(0), None, checkpoint, **setting)

    trained(4)
    with pytest.raises(FileError, match='of another training: nepoch = 4, not 8 .*; a schedule or refine needs the'):
        trained(8)


@pytest.mark.parametrize('setting', [{'decay': 1e-3}, {'seed': 1}, {'refine': 1}, {'distort': (1, 0., 0., 0.)}])
@pytest.mark.parametrize('settings', [{}, {'nepoch': 3}])
def test_what_training_depends_on_is_compared_whatever_the_settings_have(setting, settings, tmp_path):
    """{'nepoch': 3}: as in a file of a version that did not have the others yet."""
    def trained(**setting):
        with Checkpoint(str(tmp_path / 'c.npz'), settings, small_data(), True) as checkpoint:
            return training.train(small_net(), small_data(), 0.1, 0.8, 20, 3, 1, RNG(0), None, checkpoint, **setting)

    log = trained()
    if settings:
        about, arrays = archive.read(str(tmp_path / 'c.npz'), ('checkpoint',), FORMAT)
        about['settings'] = {'nepoch': 3, 'floatX': 'float32', 'seed': 0}
        archive.write(str(tmp_path / 'c.npz'), 'checkpoint', FORMAT, about, arrays)
    name = 'shift' if 'distort' in setting else list(setting)[0]
    with pytest.raises(FileError, match='of another training: %s = 0(.0)?, not ' % name):
        trained(**setting)
    assert trained() == log


@pytest.mark.parametrize('seed_of_the_net', [None, 0, 5])
def test_dropout_is_resumed_by_any_net_of_the_same_layers(seed_of_the_net, tmp_path):
    """The same object, as at IPython's prompt, or one built anew, with other initial weights too."""
    def net_of(seed):
        return mlp_2layer.Net(FullLayer(42, 6, 'tanh', rng=RNG(seed), drop=0.4), 2, RNG(seed))

    def trained(net, path, nepoch):
        with Checkpoint(str(tmp_path / path), {}, data, True) as checkpoint:
            return training.train(net, data, 0.1, 0.8, 20, nepoch, 1, RNG(1), None, checkpoint)

    data, net = small_data(), net_of(0)
    whole = trained(net_of(0), 'whole.npz', 4)
    trained(net, 'stopped.npz', 2)
    assert trained(net if seed_of_the_net is None else net_of(seed_of_the_net), 'stopped.npz', 4) == whole


def test_a_checkpoint_with_dropout_of_an_earlier_version_resumes_as_it_did(tmp_path):
    whole, _ = run(str(tmp_path / 'whole.npz'))
    path = str(tmp_path / 'a.npz')
    run(path)
    about, arrays = archive.read(path, ('checkpoint',), 4)
    for name in 'params_at', 'others_at':
        del about[name]
    archive.write(path, 'checkpoint', 4, about, {name: array for name, array in arrays.items() if name[0] != 'B'})
    assert run(path, resume=True)[0] == whole


@pytest.mark.parametrize('stopped_on', ['XL', 'XT'])
def test_the_net_has_the_means_wherever_training_stops(stopped_on, monkeypatch):
    """Stopped in the evaluation of the training or the test examples after the last epoch: those of the whole run."""
    data, whole, net = small_data(), small_net(), small_net()
    training.train(whole, data, 0.1, 0.8, 20, 3, 3, RNG(0), average=0.9)
    mean_over, calls = training.mean_over, []

    def stopping(evaluate, images, labels, signals):
        calls.append(images is getattr(data, stopped_on))
        if calls[-1] and len(calls) > 2:                                # two are before the first epoch
            signals.append('SIGTERM')
        return mean_over(evaluate, images, labels, signals)

    monkeypatch.setattr(training, 'mean_over', stopping)
    with pytest.raises(training.Stopped):
        training.train(net, data, 0.1, 0.8, 20, 3, 3, RNG(0), average=0.9)
    for W, expected in zip(net.params, whole.params):
        np.testing.assert_array_equal(W.get_value(), expected.get_value())
