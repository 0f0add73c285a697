import itertools

import numpy as np
import pytest
import theano
import theano.tensor as T

import naive
from convnet import ConvLayer
from nnet import AFUNC, FullLayer, cross_entropy, error_rate, momentum, random_stream


@pytest.mark.parametrize('withBias', [True, False])
@pytest.mark.parametrize('afunc', AFUNC)
def test_output_is_afunc_of_the_weighted_sum(afunc, withBias, mode, rng):
    layer = FullLayer(6, 4, afunc, withBias, 0.5, rng)
    X = rng.normal(size=(5, 2, 3)).astype('float32')              # flattened by the layer
    Y = X.reshape(5, 6).dot(layer.W.get_value())
    if withBias:
        layer.b.set_value(rng.normal(size=4).astype('float32'))
        Y = Y + layer.b.get_value()
    expected = naive.softmax(Y) if afunc == 'softmax' else naive.AFUNC[afunc](Y)
    found = theano.function([], layer.output(theano.shared(X)), mode=mode)()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('afunc', AFUNC)
def test_gradients_agree_with_finite_differences(afunc, rng, float64):
    layer = FullLayer(6, 4, afunc, True, 0.5, rng)

    def output(X, W, b):
        layer.W, layer.b = W, b
        return layer.output(X)

    theano.gradient.verify_grad(output, [rng.normal(size=(3, 6)), rng.normal(size=(6, 4)), rng.normal(size=4)], rng=rng)


def test_initial_weights_have_the_spread_asked_for_and_repeat(rng):
    layer = FullLayer(300, 200, 'linear', Wsigma=0.3, rng=rng)
    W = layer.W.get_value()
    assert abs(W.std() - 0.3) < 0.01 and abs(W.mean()) < 0.01
    assert not layer.b.get_value().any()
    assert np.array_equal(W, FullLayer(300, 200, 'linear', Wsigma=0.3, rng=np.random.RandomState(1)).W.get_value())


def test_he_s_spread_follows_the_number_of_inputs(rng):
    dense = FullLayer(300, 200, 'linear', Wsigma='He', rng=rng).W.get_value()
    filters = ConvLayer(9, 9, 8, 5, 3, 200, (2, 2), 'linear', Wsigma='He', rng=rng).W.get_value()
    assert dense.std() == pytest.approx((2 / 300)**0.5, rel=0.02)
    assert filters.std() == pytest.approx((2 / (8 * 5 * 3))**0.5, rel=0.02)


def test_cost_is_the_mean_cross_entropy_and_error_the_share_of_wrong_classes(rng):
    p = naive.softmax(rng.normal(size=(50, 7))).astype('float32')
    t = rng.randint(7, size=50).astype('int32')
    cost = cross_entropy(theano.shared(p), theano.shared(t)).eval()
    assert cost == pytest.approx(-np.log(p[np.arange(50), t].astype('float64')).mean(), rel=1e-5)
    assert error_rate(theano.shared(p), theano.shared(t)).eval() == (p.argmax(axis=1) != t).mean()


def test_five_steps_of_momentum_equal_a_loop_in_numpy(rng, float64):
    W0, A, eta, mu = rng.normal(size=3), np.diag([1.0, 2.0, 5.0]), 0.06, 0.8
    W = theano.shared(W0, 'W')
    updates = momentum(T.dot(W, T.dot(A, W)) / 2, [W], eta, mu)
    assert isinstance(updates, dict) and len(updates) == 2 and W in updates
    v, = set(updates) - {W}
    assert v.name == 'v_W' and not v.get_value().any()
    step = theano.function([], updates=list(updates.items()))
    W_expected, v_expected = W0.copy(), np.zeros(3)
    for _ in range(5):
        step()
        v_expected = mu * v_expected - eta * A.dot(W_expected)
        W_expected = W_expected + v_expected
        np.testing.assert_allclose(v.get_value(), v_expected, rtol=1e-12)
        np.testing.assert_allclose(W.get_value(), W_expected, rtol=1e-12)


def test_streams_of_random_numbers_are_known_from_seed_purpose_and_epoch():
    def numbers(*stream):
        return tuple(random_stream(*stream).randint(2**31, size=4))

    streams = list(itertools.product((0, 1, 2**32 - 1), ('weights', 'order'), (0, 1, 11)))
    assert len({numbers(*stream) for stream in streams}) == len(streams)
    assert numbers(3, 'order') == numbers(3, 'order', 0) == tuple(random_stream(3, 'order').randint(2**31, size=4))


@pytest.mark.parametrize('arguments, line', [
    (dict(D=0), 'D = 0: must be a whole number from 1 to 1000000000'),
    (dict(H=2.0), 'H = 2.0: must be a whole number from 1 to 1000000000'),
    (dict(H=True), 'H = True: must be a whole number from 1 to 1000000000'),
    (dict(D=10**6, H=10**6), 'W of shape (1000000, 1000000): must have at most 268435456 weights'),
    (dict(afunc='relu'), "afunc = 'relu': must be one of linear, ReLu, sigmoid, tanh, softmax"),
    (dict(Wsigma=float('nan')), 'Wsigma = nan: must be a finite number of at least 0 and at most 1e30, or \'He\''),
    (dict(D=1, H=2**21), 'H = 2097152: must be at most 1048576, of which a thousand examples take 4 GiB'),
    (dict(withBias='no'), "withBias = 'no': must be one of True, False"),
    (dict(H=float('nan')), 'H = nan: must be a whole number from 1 to 1000000000'),
    (dict(D=np.float64(3)), 'D = %r: must be a whole number from 1 to 1000000000' % np.float64(3)),
    (dict(afunc=None), 'afunc = None: must be one of linear, ReLu, sigmoid, tanh, softmax'),
    (dict(rng=None), 'rng = None: must be a numpy RandomState'),
])
def test_wrong_arguments_are_named(arguments, line):
    right = dict(D=3, H=2, afunc='linear', rng=np.random.RandomState(0))
    with pytest.raises(ValueError) as error:
        FullLayer(**{**right, **arguments})
    assert str(error.value) == line


def test_a_layer_is_built_again_from_its_arguments(rng):
    layer = FullLayer(3, 2, 'tanh', False, rng=rng)
    assert repr(FullLayer(**layer.arguments(), rng=rng)) == repr(layer)


def test_repr_shows_the_shape(rng):
    assert repr(FullLayer(3, 2, 'tanh', False, rng=rng)) == 'FullLayer(D 3 -> H 2, tanh, no bias)'
