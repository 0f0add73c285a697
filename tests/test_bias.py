"""Biases and their gradients, against NumPy and stock Theano, and where they stand in graphs."""
import resource

import numpy as np
import pytest
import theano
import theano.tensor as T
from hypothesis import given, settings, strategies as st

from fused.bias import AddBias, BiasGradient
from helpers_fused import ops

MODE = theano.compile.mode.get_default_mode()
FUNCTIONS = {}


def biased(dtype, mode=MODE):
    """X, b -> X + b and the sums that are its gradient, as Theano compiles them; compiled once."""
    if (dtype, mode) not in FUNCTIONS:
        X, b = T.TensorType(dtype, 4 * (False,))(), T.vector(dtype=dtype)
        outputs = [X + b.dimshuffle('x', 0, 'x', 'x'), X.sum((0, 2, 3)), X[:, :, 0, 0].sum(0)]
        FUNCTIONS[dtype, mode] = theano.function([X, b], outputs, mode=mode)
    return FUNCTIONS[dtype, mode]


def names(f):
    return [str(op) for op in ops(f) if isinstance(op, (AddBias, BiasGradient))]


@settings(max_examples=150, deadline=None)
@given(shape=st.tuples(st.integers(0, 60), st.integers(1, 40), st.integers(1, 9), st.integers(1, 9)),
       seed=st.integers(0, 999), dtype=st.sampled_from(['float32', 'float64']),
       layout=st.sampled_from(['as it is', 'backwards', 'transposed', 'read-only', 'every second']))
def test_sums_equal_stock_theano_s_to_the_bit(shape, seed, dtype, layout):
    rng = np.random.RandomState(seed)
    X, b = rng.standard_normal(shape).astype(dtype), rng.standard_normal(2 * shape[1]).astype(dtype)[::2]
    if rng.randint(4) == 0 and X.size:
        X[rng.randint(shape[0])] = rng.choice([np.nan, np.inf, -0.])
    X = {'backwards': X[::-1], 'transposed': np.asfortranarray(X),
         'every second': np.repeat(X, 2, 3)[..., ::2]}.get(layout, X)
    X.flags.writeable = layout != 'read-only'
    kept = X.copy()
    found, stock = biased(dtype)(X, b), biased(dtype, MODE.excluding('fused'))(X, b)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(found[0], X + b[:, None, None])
    assert [a.shape for a in found] == [a.shape for a in stock]
    assert all(a.dtype == dtype and a.tobytes() == np.ascontiguousarray(s).tobytes() for a, s in zip(found, stock))


def test_biases_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match='Shape mismatch: 3 biases for 4 feature maps'):
        biased('float32')(np.ones((2, 4, 3, 3), 'float32'), np.ones(3, 'float32'))


@theano.configparser.change_flags(on_opt_error='raise')
def test_graphs_use_them_unless_they_are_excluded():
    X, b = T.tensor4(), T.vector()
    Z = T.tanh(X ** 2 + b.dimshuffle('x', 0, 'x', 'x'))
    graph = [X, b], [T.dot(Z.flatten(2), Z.flatten(2).T), T.grad(Z.sum(), b)]
    assert sorted(names(theano.function(*graph))) == ['AddBias{inplace=True}', 'BiasGradient']
    assert names(theano.function([X], X.flatten(2).sum(0))) == ['BiasGradient']
    for word in ('parallel_bias', 'fused'):
        assert names(theano.function(*graph, mode=MODE.excluding(word))) == []
    of_the_caller = theano.function([X, b], X + b.dimshuffle('x', 0, 'x', 'x'))
    assert names(of_the_caller) == ['AddBias{inplace=False}']


@pytest.mark.parametrize('other', [
    lambda X, b: X + b.dimshuffle('x', 'x', 'x', 0), lambda X, b: X * b.dimshuffle('x', 0, 'x', 'x'),
    lambda X, b: X + b.dimshuffle('x', 0, 'x', 'x') + T.ones_like(X), lambda X, b: X.sum((0, 1, 2)),
    lambda X, b: X + T.addbroadcast(b[:1], 0).dimshuffle('x', 0, 'x', 'x'),
    lambda X, b: X.flatten(2).sum(1), lambda X, b: X.sum(), lambda X, b: b.sum(),
    lambda X, b: X.astype('int32') + b.astype('int32').dimshuffle('x', 0, 'x', 'x')])
def test_what_is_something_else_stays_theano_s(other):
    X, b = T.tensor4(), T.vector()
    f, stock = [theano.function([X, b], other(X, b), on_unused_input='ignore', mode=mode)
                for mode in (MODE, MODE.excluding('fused'))]
    x, v = np.random.RandomState(0).standard_normal((3, 4, 5, 4)).astype(X.dtype), np.arange(4).astype(X.dtype)
    np.testing.assert_array_equal(f(x, v), stock(x, v))


def test_memory_does_not_grow():
    f, X, b = biased('float32'), np.ones((100, 16, 12, 12), 'float32'), np.ones(16, 'float32')
    for _ in range(100):
        f(X, b)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3000):
        f(X, b)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2000        # KB
