"""The parallel matrix products against NumPy in double precision, and where they stand in graphs."""
import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import theano
import theano.tensor as T
from hypothesis import given, settings, strategies as st

from conftest import ROOT
from fused.dense import ParallelDot, ParallelGemm
from nnet import FullLayer, Net, momentum

BLAS = {'Dot22', 'Dot22Scalar', 'Gemm', 'Gemv', 'CGemv', 'Ger', 'CGer', 'ScipyGer', 'Dot', 'BatchedDot'}
OFF = theano.compile.mode.get_default_mode().excluding('parallel_dot')


def ops(f):
    return [type(node.op).__name__ for node in f.maker.fgraph.toposort()]


def product(dtype):
    A, B = T.matrix(dtype=dtype), T.matrix(dtype=dtype)
    return theano.function([A, B], ParallelDot()(A, B))


PRODUCTS = {dtype: product(dtype) for dtype in ('float32', 'float64')}
UPDATES = {}
for dtype in ('float32', 'float64'):
    C, A, B, alpha, beta = T.matrix(dtype=dtype), T.matrix(dtype=dtype), T.matrix(dtype=dtype), T.scalar(dtype=dtype), \
        T.scalar(dtype=dtype)
    UPDATES[dtype] = theano.function([theano.In(C, mutable=True), alpha, A, B, beta],
                                     ParallelGemm()(C, alpha, A, B, beta),
                                     accept_inplace=True)


def layouts(rng, shape, dtype):
    """A matrix, drawn in one of four layouts: by rows, by columns, backwards, every second element."""
    kind = rng.randint(4)
    if kind == 0:
        return rng.normal(size=shape).astype(dtype)
    if kind == 1:
        return rng.normal(size=shape[::-1]).astype(dtype).T
    if kind == 2:
        return rng.normal(size=shape).astype(dtype)[::-1, ::-1]
    return rng.normal(size=(2 * shape[0], 3 * shape[1])).astype(dtype)[::2, ::3]


size = st.integers(0, 70)


@settings(max_examples=150, deadline=None)
@given(M=size, K=size, N=size, seed=st.integers(0, 999), dtype=st.sampled_from(['float32', 'float64']))
def test_product_equals_numpy_for_any_size_and_layout(M, K, N, seed, dtype):
    rng = np.random.RandomState(seed)
    A, B = layouts(rng, (M, K), dtype), layouts(rng, (K, N), dtype)
    A.flags.writeable = B.flags.writeable = False
    expected = A.astype('float64').dot(B.astype('float64'))
    tolerance = 1e-5 if dtype == 'float32' else 1e-13
    np.testing.assert_allclose(PRODUCTS[dtype](A, B), expected, rtol=tolerance, atol=20 * tolerance)


@settings(max_examples=100, deadline=None)
@given(M=size, K=size, N=size, seed=st.integers(0, 999), dtype=st.sampled_from(['float32', 'float64']),
       beta=st.sampled_from([0, 1, 0.8]))
def test_update_in_place_equals_numpy(M, K, N, seed, dtype, beta):
    rng = np.random.RandomState(seed)
    A, B, C = (layouts(rng, shape, dtype) for shape in ((M, K), (K, N), (M, N)))
    if beta == 0:
        C[...] = np.nan                                      # as in BLAS, not even looked at
    expected = (0 if beta == 0 else beta * C.astype('float64')) - 0.3 * A.astype('float64').dot(B.astype('float64'))
    tolerance = 1e-5 if dtype == 'float32' else 1e-13
    np.testing.assert_allclose(UPDATES[dtype](C, -0.3, A, B, beta), expected, rtol=tolerance, atol=20 * tolerance)


def test_shapes_that_do_not_fit_raise_both():
    with pytest.raises(ValueError, match='A is 2 x 3, B is 4 x 5'):
        PRODUCTS['float32'](np.ones((2, 3), 'float32'), np.ones((4, 5), 'float32'))


def test_nan_and_inf_travel_as_in_blas():
    A, B = np.ones((20, 30), 'float32'), np.ones((30, 10), 'float32')
    A[3, 4], A[5, 6], B[7, 8] = np.nan, np.inf, -np.inf
    A[:, 7] = 0
    np.testing.assert_array_equal(PRODUCTS['float32'](A, B), A.dot(B))


def step(**kwargs):
    """One step of a softmax layer's learning: dot, dot with a transposed matrix, an update by dot."""
    rng = np.random.RandomState(0)
    X, W = T.matrix(), theano.shared(rng.normal(size=(50, 10)).astype('float32'))
    Z = T.tanh(X)
    cost = T.sqr(T.nnet.softmax(T.dot(Z, W))).sum()
    gW, gX = T.grad(cost, [W, X])
    return theano.function([X], [cost, gX], updates=[(W, 0.8 * W - 0.1 * gW)], **kwargs), W


def test_graphs_use_it_unless_it_is_excluded():
    on, off = step()[0], step(mode=OFF)[0]
    assert ops(on).count('ParallelDot') == 2 and ops(on).count('ParallelGemm') == 1
    assert not {'Dot22', 'Gemm'} & set(ops(on))
    assert not {'ParallelDot', 'ParallelGemm'} & set(ops(off)) and {'Dot22', 'Gemm'} <= set(ops(off))


def test_a_step_equals_stock_theano():
    (on, W_on), (off, W_off) = step(), step(mode=OFF)
    X = np.random.RandomState(1).normal(size=(30, 50)).astype('float32')
    for _ in range(5):
        for found, expected in zip(on(X), off(X)):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(W_on.get_value(), W_off.get_value(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('mu', [0., 0.8])
@pytest.mark.parametrize('decay', [0., 0.01])
def test_no_step_calls_blas(mu, decay):
    """Whose digits are another processor's; with stock Theano's products a step comes to the same."""
    X, t = np.random.RandomState(1).normal(size=(30, 50)).astype('float32'), np.arange(30, dtype='int32') % 10
    found = []
    for mode in None, OFF:
        rng, images, labels = np.random.RandomState(0), T.matrix(), T.ivector()
        net = Net(FullLayer(50, 20, 'tanh', rng=rng), FullLayer(20, 10, 'softmax', rng=rng))
        updates = momentum(net.cost(images, labels), net.params, np.float32(0.1), mu, decay)
        f = theano.function([images, labels], updates=list(updates.items()), mode=mode)
        for _ in range(3):
            f(X, t)
        found.append((ops(f), [p.get_value() for p in net.params]))
    (on, params), (off, expected) = found
    assert not BLAS & set(on) and BLAS & set(off)
    for p, q in zip(params, expected):
        np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-6)


def test_gradients_agree_with_finite_differences(rng, float64):
    theano.gradient.verify_grad(lambda A, B: T.tanh(T.dot(A, B)), [rng.normal(size=(3, 5)), rng.normal(size=(5, 4))],
                                rng=rng)


def test_the_same_bits_at_1_2_and_3_threads():
    code = ('from theano_setup import theano\n'
            'import hashlib, numpy as np, theano.tensor as T\n'
            'from fused.dense import ParallelDot\n'
            'A, B = T.fmatrices(2); f = theano.function([A, B], ParallelDot()(A, B)); rng = np.random.RandomState(0)\n'
            'print(hashlib.sha256(b"".join(f(*(rng.normal(size=s).astype("float32") for s in ((m, k), (k, n))))'
            '.tobytes()\n'
            '      for m, k, n in ((100, 2304, 10), (100, 576, 400), (97, 131, 33)))).hexdigest())')
    hashes = {subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=ROOT, stdout=subprocess.PIPE,
                             env={**os.environ, 'OMP_NUM_THREADS': str(n)}).stdout for n in (1, 2, 3)}
    assert len(hashes) == 1 and len(hashes.pop()) == 65


def test_memory_does_not_grow():
    f, A, B = PRODUCTS['float32'], np.ones((40, 50), 'float32'), np.ones((50, 10), 'float32')
    for _ in range(1000):
        f(A, B)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(100000):
        f(A, B)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2000        # KB
