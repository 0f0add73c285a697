"""Which graphs become the fused Ops and which are left alone, and what then stands in their place."""
import pickle

import numpy as np
import pytest
import theano
import theano.tensor as T
from theano.tensor.nnet import conv2d
from theano.tensor.signal.pool import pool_2d

import fused
from fused import ConvPool, ConvPoolGradX
from helpers_fused import FUSED, STOCK, becomes_fused, is_fused, ops, whole


def parts(**kwargs):
    X, W = T.tensor4('X'), T.tensor4('W')
    return X, W, conv2d(X, W, **kwargs)


@pytest.mark.filterwarnings('ignore:.*Supervisor')
@pytest.mark.parametrize('case, pooling', [
    (dict(subsample=(2, 1)), {}), (dict(filter_dilation=(1, 2)), {}), (dict(num_groups=2), {}),
    ({}, dict(mode='average_inc_pad')), ({}, dict(mode='sum')), ({}, dict(ws=T.ivector('ds'))),
    ({}, dict(ws=(300, 300)))], ids=str)
def test_left_alone(case, pooling):
    X, W, Y = parts(**case)
    Z = pool_2d(Y, **dict(dict(ws=(2, 2), ignore_border=False), **pooling))
    inputs = [X, W] + [ds for ds in pooling.values() if isinstance(ds, theano.Variable)]
    assert not becomes_fused(inputs, [Z] + T.grad(Z.sum(), [X, W]))


@pytest.mark.filterwarnings('ignore:.*Supervisor')
def test_left_alone_where_the_feature_map_is_used_otherwise():
    X, W, Y = parts()
    Z = pool_2d(Y, (2, 2), False)
    gradients = T.grad(Z.sum(), [X, W])
    assert becomes_fused([X, W], [Z] + gradients)
    for other in (Y + 0 * Y, Y.sum(axis=(2, 3)), pool_2d(Y, (3, 3), False), T.grad(Z.sum(), Y)):
        assert not becomes_fused([X, W], [Z, other] + gradients)
    assert not becomes_fused([X, W], [pool_2d(T.nnet.relu(Y), (2, 2), False)])
    assert not becomes_fused([X, W], [T.signal.pool.pool_3d(Y, (2, 2, 2), False)])


@pytest.mark.filterwarnings('ignore:.*Supervisor')
def test_left_alone_where_asked_to():
    X, W, Y = parts()
    Z = pool_2d(Y, (2, 2), False)
    assert becomes_fused([X, W], [Z]) and not becomes_fused([X, W], [Z], STOCK)
    with theano.change_flags(cxx=''):
        assert not fused.rewrite.conv_pool_fusion.transform(Z.owner)


def test_winners_only_where_gradients_want_them():
    X, W, Y = parts()
    Z = pool_2d(Y, (2, 2), False)
    f = theano.function([X, W], Z, mode=FUSED)
    g = theano.function([X, W], [Z, T.grad(Z.sum(), W)], mode=FUSED)
    assert [op.with_winners for op in ops(f) + ops(g) if isinstance(op, ConvPool)] == [False, True]
    assert not any(isinstance(op, ConvPoolGradX) for op in ops(g))


def test_gradients_of_gradients(rng):
    X, W, Y = parts()
    Z = pool_2d(Y, (2, 2), False)
    gW = T.grad((Z ** 2).sum(), W)
    outputs = [gW] + T.grad((gW ** 2).sum(), [X, W])
    fast, stock = (theano.function([X, W], outputs, mode=mode) for mode in (FUSED, STOCK))
    arrays = whole(rng, (2, 1, 7, 7), 'float32'), whole(rng, (3, 1, 3, 3), 'float32')
    for have, want in zip(fast(*arrays), stock(*arrays)):
        np.testing.assert_array_equal(have, want)


def test_broadcastable_images_and_filters(rng):
    X = T.TensorType('float32', (True, True, False, False))()
    W = T.TensorType('float32', (True, True, False, False))()
    Z = pool_2d(conv2d(X, W), (2, 2), False)
    outputs = [Z] + T.grad((Z ** 2).sum(), [X, W])
    fast, stock = (theano.function([X, W], outputs, mode=mode) for mode in (FUSED, STOCK))
    assert is_fused(fast)
    arrays = whole(rng, (1, 1, 7, 7), 'float32'), whole(rng, (1, 1, 3, 3), 'float32')
    for have, want in zip(fast(*arrays), stock(*arrays)):
        np.testing.assert_array_equal(have, want)


def test_shapes_need_no_computation():
    X, W, Y = parts(border_mode='half')
    Z = pool_2d(Y, (2, 2), False)
    f = theano.function([X, W], Z.shape, mode=FUSED)
    assert not is_fused(f)
    assert tuple(f(np.zeros((2, 1, 9, 8), 'float32'), np.zeros((4, 1, 3, 3), 'float32'))) == (2, 4, 5, 4)


def test_stack_traces_and_pickles(rng):
    X, W, Y = parts()
    f = theano.function([X, W], pool_2d(Y, (2, 2), False), mode=FUSED)
    node, = (node for node in f.maker.fgraph.toposort() if isinstance(node.op, ConvPool))
    assert any('test_rewrite' in frame[0] for trace in node.outputs[0].tag.trace for frame in trace)
    arrays = rng.randn(2, 1, 9, 9).astype('float32'), rng.randn(4, 1, 3, 3).astype('float32')
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(f))(*arrays), f(*arrays))


def test_several_ops_in_one_module(rng):
    """Theano's 'c' linker compiles a whole graph at once."""
    X, W, gZ = T.tensor4s(3)
    Z = pool_2d(conv2d(X, W), (2, 2), False)
    Z2 = pool_2d(conv2d(Z, W), (3, 3), False)
    f = theano.function([X, W], [Z2], mode=FUSED.clone(linker='c'))
    stock = theano.function([X, W], [Z2], mode=STOCK)
    arrays = whole(rng, (2, 1, 12, 12), 'float32'), whole(rng, (1, 1, 3, 3), 'float32')
    np.testing.assert_array_equal(f(*arrays)[0], stock(*arrays)[0])
