"""Layers of a user's own: trained and logged with three methods; what else they and their params may be."""
import numpy as np
import pytest
import theano
import theano.tensor as T

import mlp_2layer
import mlp_3layer
import mlp_4layer
import nnet
import training
from convnet import ConvLayer
from helpers import small_data
from nnet import FullLayer
from run import checkpoints, saved_nets

RNG = np.random.RandomState


class Half:
    """Half of what H units give; of a user who has read what a layer is, and no more."""

    def __init__(self, D, H):
        self.W = theano.shared(RNG(0).normal(0, 0.3, (D, H)).astype(theano.config.floatX))
        self.params, self.H = [self.W], H

    def output(self, X):
        return 0.5 * T.tanh(T.dot(X.flatten(2), self.W))

    def __repr__(self):
        return 'Half of\n    %d' % self.H


class Noisy(Half):
    """One that does something else in training."""

    def output(self, X, training=False):
        return super().output(X) * (0 if training else 1)

    def __repr__(self):
        return 'Noisy'


def handing_on(output):
    def inner(*args, **options):
        return output(*args, **options)
    return inner


class Wrapped(Half):
    """One whose output takes anything, and hands it on to one that has no training."""

    output = handing_on(Half.output)


class Handed(Noisy):
    """One whose output hands on whatever it is given, as a decorated one does."""

    def output(self, X, **options):
        return super().output(X, **options)


FULL = '# FullLayer(D %d -> H %d, %s)'
NETS = {   # where it stands: the net, and what the log says of it
    'first of 2': (lambda own, rng: mlp_2layer.Net(own(42, 6), 2, rng), ['### 2-layer', '# Half of 6']),
    'first of 3': (lambda own, rng: mlp_3layer.Net(own(42, 6), FullLayer(6, 5, 'tanh', rng=rng), 2, rng),
                   ['### 3-layer', '# Half of 6', '# H2: 5']),
    'second of 3': (lambda own, rng: mlp_3layer.Net(ConvLayer(6, 7, 1, 3, 3, 4, (2, 2), 'tanh', rng=rng), own(24, 6), 2,
                                                    rng),
                    ['### 3-layer', '# Xdim: (6, 7) Xnch: 1 W1dim: (3, 3) W1nch: 4 ds1: (2, 2) H1: 24', '# Half of 6']),
    'third of 4': (lambda own, rng: mlp_4layer.Net(FullLayer(42, 8, 'tanh', rng=rng), FullLayer(8, 7, 'tanh', rng=rng),
                                                   own(7, 6), 2, rng),
                   ['### 4-layer', '# D: 42 H1: 8', '# H2: 7', '# Half of 6']),
}


@pytest.mark.parametrize('place', NETS)
def test_three_methods_are_enough_to_be_trained_and_logged(place):
    build, header = NETS[place]
    log = training.train(build(Half, RNG(1)), small_data(), 0.04, 0.8, 10, 20, 20, RNG(0))
    assert log[:len(header) + 1] == header + ['### training: NL = 110 NV = 20 K = 2 batchsize = 10']
    assert float(log[-1].split()[-1]) < 15 < 30 < float(log[len(header) + 1].split()[-1])


def test_a_decorated_output_needs_no_training():
    log = training.train(mlp_2layer.Net(Wrapped(42, 6), 2, RNG(1)), small_data(), 0.04, 0.8, 10, 1, 1, RNG(0))
    plain = training.train(mlp_2layer.Net(Half(42, 6), 2, RNG(1)), small_data(), 0.04, 0.8, 10, 1, 1, RNG(0))
    assert log == plain


@pytest.mark.parametrize('layer', [Noisy, Handed])
def test_output_is_told_whether_it_is_training(layer):
    net = mlp_2layer.Net(layer(42, 6), 2, RNG(1))
    X = T.tensor4()
    trained, used = (theano.function([X], net.output(X, training))(small_data().XL) for training in (True, False))
    assert np.ptp(trained, axis=0).max() == 0 < np.ptp(used, axis=0).max()
    t = T.ivector()
    data = small_data()
    training_cost, cost = theano.function([X, t], [net.training_cost(X, t), net.cost(X, t)])(data.XL, data.tL)
    assert training_cost == pytest.approx(np.log(2)) != cost


@pytest.mark.parametrize('signature', ['X, scale=1, training=False', 'X, *, training=False'])
def test_output_is_told_so_by_name(signature):
    class Named(Half):
        exec('def output(self, %s):\n    return Half.output(self, X) * (2 if training else 1)' % signature)

    net = mlp_2layer.Net(Named(42, 6), 2, RNG(1))
    X = T.tensor4()
    hidden, twice = (theano.function([X], nnet.Net.output(nnet.Net(net.layer1), X, training))(small_data().XL)
                     for training in (False, True))
    np.testing.assert_array_equal(2 * hidden, twice)


@pytest.mark.parametrize('average', [0., 0.9])
def test_layers_may_share_their_weights(average, tmp_path):
    def net():
        rng = RNG(1)
        layer = FullLayer(6, 6, 'tanh', rng=rng)
        return mlp_4layer.Net(FullLayer(42, 6, 'tanh', rng=rng), layer, layer, 2, rng)

    def trained(path, nepoch):
        with checkpoints.Checkpoint(str(tmp_path / path), {}, small_data(), True) as kept:
            return training.train(net(), small_data(), 0.04, 0.8, 10, nepoch, 1, RNG(0), None, kept, average=average)

    assert len(net().params) == len(set(net().params)) == 6
    whole = trained('whole.npz', 4)
    trained('stopped.npz', 2)
    assert trained('stopped.npz', 4) == whole
    again, X = saved_nets.load_net(str(tmp_path / 'stopped.npz')).net, T.tensor4()
    saved_nets.save_net(str(tmp_path / 'net.npz'), again, small_data(), {})
    for loaded in again, saved_nets.load_net(str(tmp_path / 'net.npz')).net:
        error = theano.function([X], loaded.output(X).argmax(1))(small_data().XT) != small_data().tT
        assert 100 * error.mean() == float(whole[-1].split()[-1])


@pytest.mark.parametrize('average', [0., 0.9])
def test_a_parameter_may_be_broadcast(average):
    def log_of(b):
        layer = FullLayer(42, 6, 'tanh', rng=RNG(1))
        layer.b = b
        layer.params = [layer.W, b]
        layer.output = lambda X: T.tanh(T.dot(X.flatten(2), layer.W) + b)
        return training.train(mlp_2layer.Net(layer, 2, RNG(2)), small_data(), 0.04, 0.8, 10, 3, 1, RNG(0),
                              average=average, decay=0.1, maxnorm=0.5)

    b = np.zeros(6, theano.config.floatX)
    assert log_of(theano.shared(b[None], broadcastable=(True, False))) == log_of(theano.shared(b))


def test_an_optimiser_may_give_numbers():
    def halves(cost, params):
        return {W: np.asarray(0.5, W.dtype) * np.ones_like(W.get_value()) for W in params}

    net = mlp_2layer.Net(Half(42, 6), 2, RNG(1))
    training.train(net, small_data(), 0.04, 0.8, 10, 1, 1, RNG(0), optimiser=halves)
    assert (net.layer1.W.get_value() == 0.5).all()
