"""The parallel gathering of rows against NumPy, and where it stands in graphs."""
import resource

import numpy as np
import pytest
import theano
import theano.tensor as T
from hypothesis import given, settings, strategies as st

from fused.gather import ParallelTake

MODE = theano.compile.mode.get_default_mode()
FUNCTIONS = {}


def take(dtype, ndim, index_dtype):
    """X[index] as Theano compiles it; compiled once."""
    key = dtype, ndim, index_dtype
    if key not in FUNCTIONS:
        X, index = T.TensorType(dtype, ndim * (False,))(), T.vector(dtype=index_dtype)
        FUNCTIONS[key] = theano.function([X, index], X[index])
    return FUNCTIONS[key]


def takes(f):
    return [type(node.op).__name__ for node in f.maker.fgraph.toposort()
            if 'Take' in str(node.op) or 'Subtensor' in str(node.op)]


@settings(max_examples=150, deadline=None)
@given(shape=st.lists(st.integers(0, 40), min_size=1, max_size=3), N=st.integers(1, 60), n=st.integers(0, 200),
       seed=st.integers(0, 999), dtype=st.sampled_from(['float32', 'float64']),
       index_dtype=st.sampled_from(['int32', 'int64']),
       layout=st.sampled_from(['rows', 'backwards', 'transposed', 'read-only']))
def test_rows_equal_numpy_s_to_the_bit(shape, N, n, seed, dtype, index_dtype, layout):
    rng = np.random.RandomState(seed)
    X = rng.choice([1.5, -0.0, np.nan, np.inf], size=[N] + shape).astype(dtype)
    X = {'backwards': X[::-1], 'transposed': np.asfortranarray(X)}.get(layout, X)
    X.flags.writeable = layout != 'read-only'
    index = rng.randint(-N, N, size=2 * n).astype(index_dtype)[::2]
    found, expected = take(dtype, X.ndim, index_dtype)(X, index), np.ascontiguousarray(X[index])
    assert found.shape == expected.shape and found.dtype == expected.dtype and found.tobytes() == expected.tobytes()
    assert not np.shares_memory(found, X)


@pytest.mark.parametrize('wrong', [50, -51, 2 ** 31 - 1, -2 ** 31])
def test_an_index_outside_raises_numpy_s_error(wrong):
    f, X = take('float32', 2, 'int32'), np.ones((50, 1000), 'float32')
    with pytest.raises(IndexError, match='index %d is out of bounds for axis 0 with size 50' % wrong):
        f(X, np.array([0, 49, wrong, -50], 'int32'))
    assert f(X, np.array([0, 49, -50], 'int32')).shape == (3, 1000)


def test_nothing_is_taken_from_nothing():
    f, X = take('float32', 2, 'int32'), np.ones((0, 1000), 'float32')
    assert f(X, np.array([], 'int32')).shape == (0, 1000)
    with pytest.raises(IndexError):
        f(X, np.array([0], 'int32'))


def test_graphs_use_it_for_rows_of_floats_unless_it_is_excluded():
    X, t, index = T.tensor4(), T.ivector(), T.ivector()
    assert takes(theano.function([X, t, index], [X[index], t[index]])) in (
        ['ParallelTake', 'AdvancedSubtensor1'], ['AdvancedSubtensor1', 'ParallelTake'])
    for word in ('parallel_take', 'fused'):
        assert takes(theano.function([X, index], X[index], mode=MODE.excluding(word))) == ['AdvancedSubtensor1']


def test_memory_does_not_grow():
    X, index = theano.shared(np.ones((5000, 784), 'float32')), T.ivector()
    f = theano.function([index], ParallelTake()(X, index).sum())
    batch = np.arange(0, 5000, 50, dtype='int32')
    for _ in range(100):
        f(batch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10000):
        f(batch)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2000        # KB
