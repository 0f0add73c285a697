"""Decay, max-norm, schedules, running means, dropout in training, strides and zeros around images, against NumPy."""
from theano_setup import theano
import os
import signal
import time

import numpy as np
import pytest
import theano.tensor as T
from scipy.signal import convolve2d

import mlp_2layer
import mlp_3layer
import naive
import nnet
import training
from convnet import ConvLayer
from datasets.files import FileError
from helpers import small_data, small_net
from nnet import FullLayer, limit_norms, random_stream
from run import archive
from run.arguments import rates_of
from run.checkpoints import FORMAT, Checkpoint
from run.saved_nets import load_net
from run.signals import Stopped

RNG = np.random.RandomState
ETA, MU, BATCHSIZE, NEPOCH = 0.2, 0.8, 20, 3


def trained_in_numpy(decay=0., maxnorm=0., average=0., share=lambda done: 1., mu=lambda epoch: MU):
    """Parameters after training of small_net on small_data, and their running means, step by step."""
    data, net, rng = small_data(), small_net(), RNG(5)
    params = [W.get_value().astype('float64') for W in net.params]
    velocities, means, step = [0 * W for W in params], [W.copy() for W in params], 0
    X, target = data.XL.reshape(110, 42).astype('float64'), np.eye(2)[data.tL]
    for epoch in range(NEPOCH):
        order = rng.permutation(110)
        for n, first in enumerate(range(0, 110, BATCHSIZE)):
            W1, b1, W2, b2 = params
            x, t = X[order[first:first + BATCHSIZE]], target[order[first:first + BATCHSIZE]]
            Z = np.tanh(x.dot(W1) + b1)
            d2 = (naive.softmax(Z.dot(W2) + b2) - t) / len(x)
            d1 = d2.dot(W2.T) * (1 - Z**2)
            eta = ETA * share((epoch + n / 6) / NEPOCH)
            a = min(average, (1 + step) / (10 + step))
            for k, g in enumerate((x.T.dot(d1) + decay * W1, d1.sum(0), Z.T.dot(d2) + decay * W2, d2.sum(0))):
                velocities[k] = mu(epoch + 1) * velocities[k] - eta * g
                params[k] = params[k] + velocities[k]
                if maxnorm and params[k].ndim == 2:
                    params[k] *= np.minimum(1, maxnorm / np.sqrt((params[k]**2).sum(0)))
                means[k] = a * means[k] + (1 - a) * params[k]
            step += 1
    return params, means


def test_numbers_of_numpy_are_as_good_as_python_s():
    """A float64 of NumPy would make a sum of single precision a double, which an update refuses."""
    numbers = [0.2, 0.8, dict(decay=0.05, maxnorm=0.5, average=0.9, warmup=1, seed=3)]
    logs = []
    for eta, mu, options in (numbers, [np.float64(0.2), np.float64(0.8), {
            name: np.array(value)[()] for name, value in numbers[2].items()}]):
        logs.append(training.train(small_net(), small_data(), eta, mu, BATCHSIZE, NEPOCH, 1, RNG(5), **options))
    assert logs[0] == logs[1]


@pytest.mark.parametrize('options, share', [
    (dict(decay=0.05), None), (dict(maxnorm=0.5), None), (dict(average=0.9), None),
    (dict(schedule='linear'), lambda d: 1 - d), (dict(schedule='cosine'), lambda d: (1 + np.cos(np.pi * d)) / 2),
    (dict(warmup=2), lambda d: min(1, d * NEPOCH / 2)),
])
def test_training_equals_numpy(options, share):
    net = small_net()
    log = training.train(net, small_data(), ETA, MU, BATCHSIZE, NEPOCH, 1, RNG(5), **options)
    in_numpy = {name: value for name, value in options.items() if name in ('decay', 'maxnorm', 'average')}
    params, means = trained_in_numpy(**in_numpy, **({'share': share} if share else {}))
    for found, expected in zip(net.params, means if 'average' in options else params):
        np.testing.assert_allclose(found.get_value(), expected, rtol=1e-3, atol=1e-5)
    p = theano.function([], net.output(theano.shared(small_data().XV)))()          # the log is about what the net has
    wrong = 100 * (p.argmax(1) != small_data().tV).mean()
    assert float(log[-3].split()[3]) == pytest.approx(wrong)


def test_what_an_optimiser_leaves_alone_stays_as_it_is():
    def last_layer_alone(cost, params):
        return {W: W - 0.5 * T.grad(cost, W) for W in params[2:]}

    net, initial = small_net(), [W.get_value() for W in small_net().params]
    training.train(net, small_data(), ETA, MU, BATCHSIZE, NEPOCH, 1, RNG(5), optimiser=last_layer_alone, maxnorm=0.1,
                   average=0.9)
    for found, expected in zip(net.params[:2], initial):
        np.testing.assert_allclose(found.get_value(), expected, rtol=1e-5)
    norms = [np.sqrt((W**2).sum(axis=0)) for W in (initial[0], net.params[2].get_value())]
    assert norms[0].max() > 0.1 and 0.05 < norms[1].max() < 0.1001


@pytest.mark.parametrize('st, pad', [((1, 2), 0), ((2, 1), 2), ((3, 3), 1)])
def test_strides_and_zeros_around_images_equal_numpy(st, pad, rng, mode):
    layer = ConvLayer(9, 10, 2, 3, 4, 3, (2, 3), 'tanh', True, 0.3, rng, st, pad)
    X = rng.normal(size=(4, 2, 9, 10)).astype('float32')
    around = np.pad(X, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    Y = np.array([[sum(convolve2d(x[c], w[c], 'valid') for c in range(2)) for w in layer.W.get_value()]
                  for x in around])
    Z = np.array([[Y[:, :, r:r + 2, c:c + 3].max((2, 3)) for c in range(0, st[1] * layer.Zcol, st[1])]
                  for r in range(0, st[0] * layer.Zrow, st[0])]).transpose(2, 3, 0, 1)
    last_r, last_c = st[0] * (layer.Zrow - 1), st[1] * (layer.Zcol - 1)
    assert (layer.Yrow, layer.Ycol) == Y.shape[2:] and last_r < layer.Yrow <= last_r + max(2, st[0])
    assert last_c < layer.Ycol <= last_c + max(3, st[1])                             # windows cover the map
    x = T.tensor4()
    found = theano.function([x], layer.output(x), mode=mode)(X)
    np.testing.assert_allclose(found, np.tanh(Z), rtol=1e-4, atol=1e-5)


def test_dropout_is_in_training_alone_and_other_in_each_minibatch():
    layer = FullLayer(30, 400, 'linear', rng=RNG(0), drop=0.5)
    x = T.matrix()
    X = RNG(1).normal(size=(5, 30)).astype('float32')
    use, train = (theano.function([x], layer.output(x, training)) for training in (False, True))
    first = train(X)
    np.testing.assert_allclose(first[first != 0], 2 * use(X)[first != 0], rtol=1e-5)
    assert abs((first == 0).mean() - 0.5) < 0.06 and (use(X) != 0).all()
    nnet.noise_key.set_value(nnet.noise_key.get_value() + 1)
    assert abs(((train(X) == 0) == (first == 0)).mean() - 0.5) < 0.06


ALL = dict(decay=0.001, maxnorm=2., average=0.95, warmup=1, distort=(1, 10., 0.1, 1.), seed=3, refine=1)


def run(path, resume=False):
    """(log, net) of a run with everything on."""
    rng, data = RNG(0), small_data()
    layer1 = ConvLayer(6, 7, 1, 3, 3, 4, (3, 3), 'ReLu', rng=rng, st=(2, 2), pad=1, drop=0.2)
    net = mlp_3layer.Net(layer1, FullLayer(layer1.H, 6, 'tanh', rng=rng, drop=0.4), 2, rng)
    with Checkpoint(path, {'seed': 3}, data, resume) as checkpoint:
        return training.train(net, data, 0.1, 0.8, 20, 3, 1, random_stream(3, 'order'), None, checkpoint, **ALL), net


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


def test_weights_beyond_single_precision_are_no_zeros_under_max_norm():
    W = theano.shared(np.array([[1e30, 1.], [1e30, 1.]], 'float32'), 'W')
    found = theano.function([], limit_norms({W: 1 * W}, [W], 1.)[W])()
    np.testing.assert_allclose(found, [[np.nan, 0.5**0.5]] * 2, rtol=1e-6)


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


def test_with_no_examples_to_validate_their_column_is_nan(tmp_path):
    data = small_data()._replace(XV=None, tV=np.zeros(0, 'int32'))
    path = str(tmp_path / 'c.npz')
    for nepoch in (1, 2):
        with Checkpoint(path, {'seed': 3}, data, True) as checkpoint:
            log = training.train(small_net(), data, 0.1, 0.8, 20, nepoch, 1, RNG(0), None, checkpoint)
    whole = training.train(small_net(), small_data(), 0.1, 0.8, 20, 2, 1, RNG(0))
    for line, expected in zip(log[2:], whole[2:]):
        if not line.startswith('#'):
            expected = expected.split()
            expected[3] = 'nan'
            assert line.split() == expected
    assert log[2].endswith('NV = 0 K = 2 batchsize = 20') and len(log) == len(whole)


@pytest.mark.parametrize('mu, value', [((0.5, 0.9, 2), {1: 0.5, 2: 0.7, 3: 0.9}), (lambda epoch: 0.9 / epoch,
                                                                            {1: 0.9, 2: 0.45, 3: 0.3})])
def test_momentum_of_the_epoch_equals_numpy(mu, value):
    net = small_net()
    training.train(net, small_data(), ETA, mu, BATCHSIZE, NEPOCH, 1, RNG(5))
    for found, expected in zip(net.params, trained_in_numpy(mu=value.get)[0]):
        np.testing.assert_allclose(found.get_value(), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('mu, line', [((0.5, 1.5, 2), 'mu = 1.5: must be'),
                                      (lambda epoch: 'x', r"mu\(1\) = 'x': ")])
def test_a_momentum_that_cannot_be_is_refused(mu, line):
    with pytest.raises(training.ArgumentError, match=line):
        training.train(small_net(), small_data(), ETA, mu, BATCHSIZE, NEPOCH, 1, RNG(5))


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


def test_dropout_takes_weights_in_any_order_of_memory():
    layer = FullLayer(30, 400, 'linear', rng=RNG(0), drop=0.5)
    expected = layer.output(theano.shared(np.ones((5, 30), 'float32')), training=True).eval()
    layer.W.set_value(np.asfortranarray(layer.W.get_value()))
    again = layer.output(theano.shared(np.ones((5, 30), 'float32')), training=True).eval()
    np.testing.assert_array_equal(again, expected)


def test_a_rise_of_the_momentum_takes_no_time_whatever_the_number_of_epochs():
    start = time.time()
    rates = rates_of(0.05, (0.5, 0.9, 3), 10**9)
    assert time.time() - start < 1 and rates['mu'](2) == pytest.approx(0.5 + 0.4 / 3)
