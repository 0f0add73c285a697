"""Decay, max-norm, schedules, running means, dropout in training, strides and zeros around images, against NumPy."""
from theano_setup import theano
import time

import numpy as np
import pytest
import theano.tensor as T
from scipy.signal import convolve2d

import mlp_2layer
import naive
import nnet
import training
from convnet import ConvLayer
from helpers import small_data, small_net
from nnet import FullLayer, limit_norms
from run.arguments import rates_of
from run.checkpoints import Checkpoint

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


def one_step_of_a_conv_net(**options):
    """The parameters before a step on all examples, and after it."""
    layer1 = ConvLayer(6, 7, 1, 3, 3, 4, (2, 2), 'tanh', rng=RNG(0))
    net = mlp_2layer.Net(layer1, 2, RNG(1))
    before = [W.get_value() for W in net.params]
    training.train(net, small_data(), ETA, MU, 110, 1, 1, RNG(5), **options)
    return before, [W.get_value() for W in net.params]


def test_decay_max_norm_and_running_means_of_filters_equal_numpy():
    before, after = one_step_of_a_conv_net()
    W, b, full, _ = before
    for found, old, plain in zip(one_step_of_a_conv_net(decay=0.5)[1], before, after):
        np.testing.assert_allclose(found, plain - ETA * 0.5 * old * (old.ndim > 1), rtol=1e-4, atol=1e-6)
    for found, old, plain in zip(one_step_of_a_conv_net(average=0.9)[1], before, after):
        np.testing.assert_allclose(found, 0.1 * old + 0.9 * plain, rtol=1e-4, atol=1e-6)     # 0.1 in the first step
    limited = one_step_of_a_conv_net(maxnorm=0.15)[1]
    norms = np.sqrt((after[0]**2).sum(axis=(1, 2, 3)))
    assert norms.min() < 0.15 < norms.max()
    for n, norm in enumerate(norms):
        np.testing.assert_allclose(limited[0][n], after[0][n] * min(1, 0.15 / norm), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(limited[1], after[1])


def test_dropout_of_feature_maps_leaves_out_values_and_scales_the_rest(rng):
    layer = ConvLayer(28, 28, 1, 5, 5, 16, (2, 2), 'linear', False, 0.3, rng, drop=0.25)
    X = theano.shared(rng.normal(size=(10, 1, 28, 28)).astype('float32'))
    use, train = layer.output(X).eval(), layer.output(X, training=True).eval()
    assert abs((train == 0).mean() - 0.25) < 0.01 and (use != 0).all()
    np.testing.assert_allclose(train[train != 0], use[train != 0] / 0.75, rtol=1e-5)


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


def test_weights_beyond_single_precision_are_no_zeros_under_max_norm():
    W = theano.shared(np.array([[1e30, 1.], [1e30, 1.]], 'float32'), 'W')
    found = theano.function([], limit_norms({W: 1 * W}, [W], 1.)[W])()
    np.testing.assert_allclose(found, [[np.nan, 0.5**0.5]] * 2, rtol=1e-6)


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


@pytest.mark.parametrize('mu, value', [
    ((0.5, 0.9, 2), {1: 0.5, 2: 0.7, 3: 0.9}), ([0.5, 0.9, 2], {1: 0.5, 2: 0.7, 3: 0.9}),
    (lambda epoch: 0.9 / epoch, {1: 0.9, 2: 0.45, 3: 0.3})])
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
