import numpy as np
import pytest
import theano

import naive
from convnet import ConvLayer
from fused import ConvPool, ConvPoolGradW, ConvPoolGradX

# Xrow, Xcol, Xnch, Wrow, Wcol, Wnch, ds: rows and columns differ, several channels, partial windows
SHAPES = [
    (9, 12, 1, 3, 4, 5, (2, 3)),
    (8, 7, 3, 2, 3, 4, (3, 2)),
    (6, 6, 2, 5, 5, 3, (4, 4)),         # 2 x 2 pixels in one window that hangs over, as in the article
    (5, 11, 2, 5, 1, 17, (1, 4)),
]


def ops(function):
    """The Ops of this project in a compiled function."""
    return {type(node.op) for node in function.maker.fgraph.toposort()} & {ConvPool, ConvPoolGradW, ConvPoolGradX}


@pytest.mark.parametrize('withBias', [True, False])
@pytest.mark.parametrize('shape', SHAPES)
def test_output_equals_naive_convolution_and_pooling(shape, withBias, mode, rng):
    Xrow, Xcol, Xnch, Wrow, Wcol, Wnch, ds = shape
    layer = ConvLayer(*shape, 'linear', withBias, 0.5, rng)
    X = rng.normal(size=(4, Xnch, Xrow, Xcol)).astype('float32')
    Y = naive.conv(X, layer.W.get_value())
    Z = naive.max_pool(Y, ds)
    if withBias:
        layer.b.set_value(rng.normal(size=Wnch).astype('float32'))
        Z = Z + layer.b.get_value()[:, None, None]
    output = theano.function([], layer.output(theano.shared(X)), mode=mode)
    found = output()
    np.testing.assert_allclose(found, Z, rtol=1e-4, atol=1e-5)
    assert Y.shape[1:] == (Wnch, layer.Yrow, layer.Ycol)
    assert found.shape[1:] == (Wnch, layer.Zrow, layer.Zcol) and found[0].size == layer.H
    assert ops(output) == ({ConvPool} if mode is theano.compile.get_default_mode() else set())


@pytest.mark.parametrize('afunc', naive.AFUNC)
def test_afunc_comes_after_pooling(afunc, mode, rng):
    layer = ConvLayer(*SHAPES[0], afunc, False, 0.5, rng)
    X = rng.normal(size=(2, 1, 9, 12)).astype('float32')
    expected = naive.AFUNC[afunc](naive.max_pool(naive.conv(X, layer.W.get_value()), SHAPES[0][-1]))
    found = theano.function([], layer.output(theano.shared(X)), mode=mode)()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('shape, afunc, mode', [(SHAPES[0], afunc, 'fused') for afunc in naive.AFUNC] +
                         [(shape, 'linear', 'fused') for shape in SHAPES[1:3]] + [(SHAPES[0], 'tanh', 'stock')],
                         indirect=['mode'])
def test_gradients_agree_with_finite_differences(shape, afunc, mode, rng, float64):
    Xrow, Xcol, Xnch, Wrow, Wcol, Wnch, ds = shape
    layer = ConvLayer(*shape, afunc, True, 0.5, rng)

    def output(X, W, b):
        layer.W, layer.b = W, b
        return layer.output(X)

    theano.gradient.verify_grad(output, [rng.normal(size=(2, Xnch, Xrow, Xcol)),
                                         rng.normal(size=(Wnch, Xnch, Wrow, Wcol)), rng.normal(size=Wnch)], rng=rng,
                                         mode=mode)


@pytest.mark.parametrize('arguments, line', [
    (dict(Wrow=5, Xrow=4), 'Wrow = 5 exceeds Xrow = 4'),
    (dict(Wcol=29), 'Wcol = 29 exceeds Xcol = 28'),
    (dict(Xnch=0), 'Xnch = 0: must be a whole number from 1 to 1000000000'),
    (dict(Wnch='16'), "Wnch = '16': must be a whole number from 1 to 1000000000"),
    (dict(ds=2), 'ds = 2: must be two whole numbers, such as (2, 2)'),
    (dict(ds=(2, 0)), 'ds[1] = 0: must be a whole number from 1 to 1000000000'),
    (dict(afunc='softmax'), "afunc = 'softmax': must be one of linear, ReLu, sigmoid, tanh"),
    (dict(Wsigma=-1), 'Wsigma = -1: must be a finite number of at least 0 and at most 1e30, or \'He\''),
    (dict(Wsigma=1e300), 'Wsigma = 1e+300: must be a finite number of at least 0 and at most 1e30, or \'He\''),
    (dict(withBias=1), 'withBias = 1: must be one of True, False'),
    (dict(Wnch=10**6), 'H = 144000000: must be at most 1048576, of which a thousand examples take 4 GiB'),
    (dict(Wrow=5.0), 'Wrow = 5.0: must be a whole number from 1 to 1000000000'),
    (dict(ds='22'), "ds = '22': must be two whole numbers, such as (2, 2)"),
    (dict(ds=()), 'ds = (): must be two whole numbers, such as (2, 2)'),
    (dict(rng=0), 'rng = 0: must be a numpy RandomState'),
    (dict(st=(0, 2)), 'st[0] = 0: must be a whole number from 1 to 1000000000'),
    (dict(pad=-1), 'pad = -1: must be a whole number from 0 to 1000000000'),
    (dict(drop=1), 'drop = 1: must be a number of at least 0 and below 1'),
])
def test_wrong_arguments_are_named(arguments, line):
    right = dict(Xrow=28, Xcol=28, Xnch=1, Wrow=5, Wcol=5, Wnch=16, ds=(2, 2), afunc='linear',
                 rng=np.random.RandomState(0))
    with pytest.raises(ValueError) as error:
        ConvLayer(**{**right, **arguments})
    assert str(error.value) == line


def test_a_layer_is_built_again_from_its_arguments(rng):
    layer = ConvLayer(*SHAPES[1], 'tanh', False, rng=rng)
    assert repr(ConvLayer(**layer.arguments(), rng=rng)) == repr(layer)


def test_repr_shows_the_shapes(rng):
    assert repr(ConvLayer(28, 28, 1, 5, 5, 16, (2, 2), 'linear', False, rng=rng)) == (
        'ConvLayer(X 28x28x1 * W 5x5x16 -> Y 24x24x16, ds (2, 2) -> Z 12x12x16, H 2304, linear, no bias)')


def test_numpy_integers_of_few_bits_do_not_overflow(rng):
    """28 * 28 * 16 does not fit into the eight bits of the arguments."""
    small = [np.uint8(n) for n in (28, 28, 1, 5, 5, 16)]
    layer = ConvLayer(*small, (np.uint8(2), np.uint8(2)), 'linear', Wsigma=np.float32(0.1), rng=rng)
    assert (layer.Yrow, layer.Zrow, layer.H) == (24, 12, 2304) and layer.W.get_value().shape == (16, 1, 5, 5)
