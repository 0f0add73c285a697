"""The fused Ops against the graph that stock Theano makes of the same conv2d, pool_2d and T.grad."""
import ctypes
import ctypes.util
import functools
import resource

import numpy as np
import pytest
import theano
import theano.tensor as T
from hypothesis import HealthCheck, given, settings, strategies as st
from theano.tensor.nnet import conv2d
from theano.tensor.signal.pool import pool_2d

from fused import ConvPool
from helpers_fused import FUSED, FUSED_OPS, STOCK, is_fused, ops, whole


@functools.lru_cache(maxsize=None)
def functions(ds, stride=None, pad=(0, 0), ignore_border=False, border_mode='valid', filter_flip=True,
              input_shape=None, filter_shape=None, dtype='float32'):
    """Two functions X, W, gZ -> Z, gW, gX: of the fused Ops, and of stock Theano."""
    X, W, gZ = (T.TensorType(dtype, (False,) * 4)() for _ in range(3))
    Z = pool_2d(conv2d(X, W, input_shape, filter_shape, border_mode=border_mode, filter_flip=filter_flip),
                ds, ignore_border, stride, pad)
    outputs = [Z] + T.grad(None, [W, X], known_grads={Z: gZ})
    fast, stock = (theano.function([X, W, gZ], outputs, mode=mode) for mode in (FUSED, STOCK))
    assert {op for op in FUSED_OPS if any(isinstance(o, op) for o in ops(fast))} == set(FUSED_OPS)
    assert sum(isinstance(op, ConvPool) for op in ops(fast)) == 1 and not is_fused(stock)
    return fast, stock


def check(fast, stock, X, W, gZ, exact):
    for name, have, want in zip(('Z', 'gW', 'gX'), fast(X, W, gZ), stock(X, W, gZ)):
        assert have.dtype == want.dtype and have.shape == want.shape, name
        if exact:
            np.testing.assert_array_equal(have, want, name)
        else:
            scale = max(1, abs(want).max()) if want.size else 1
            rounding = 200 * np.finfo(want.dtype).eps * scale
            np.testing.assert_allclose(have, want, 0, rounding, err_msg=name)


def z_shape(X, W, ds, stride=None, pad=(0, 0), ignore_border=False, border_mode='valid', **_):
    Y = theano.tensor.nnet.abstract_conv.get_conv_output_shape(X, W, border_mode, (1, 1))
    return tuple(int(n) for n in theano.tensor.signal.pool.Pool.out_shape(
        Y, ds, ignore_border, stride or ds, pad))


# Everything here is a constant of the C code, so that each line is compiled anew; sizes are not.
GEOMETRIES = [
    dict(ds=(2, 2)),
    dict(ds=(3, 2), filter_flip=False, dtype='float64'),
    dict(ds=(3, 3), stride=(1, 2), border_mode='full'),
    dict(ds=(2, 2), stride=(3, 1), border_mode=(1, 2), dtype='float64'),
    dict(ds=(3, 4), stride=(2, 3), pad=(2, 1), ignore_border=True, border_mode=((0, 2), (1, 0))),
    dict(ds=(7, 6), border_mode='half', filter_flip=False),
]


@pytest.mark.parametrize('geometry', GEOMETRIES, ids=str)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_sizes(geometry, data):
    fast, stock = functions(**geometry)
    size = functools.partial(st.integers, 1)
    B, Xnch, Wnch = data.draw(st.tuples(st.integers(0, 4), size(4), size(20)))
    Wrow, Wcol = data.draw(st.tuples(size(5), size(5)))
    Xrow, Xcol = data.draw(st.tuples(st.integers(Wrow, 17), st.integers(Wcol, 17)))
    X, W = (B, Xnch, Xrow, Xcol), (Wnch, Xnch, Wrow, Wcol)
    Z = z_shape(X, W, **geometry)
    rng = np.random.RandomState(data.draw(st.integers(0, 99)))
    dtype = geometry.get('dtype', 'float32')
    check(fast, stock, *[whole(rng, shape, dtype) for shape in (X, W, Z)], exact=True)
    check(fast, stock, *[rng.randn(*shape).astype(dtype) for shape in (X, W, Z)], exact=False)


ARTICLE = [((1, 28, 28), 16, (2, 2)), ((1, 28, 28), 64, (4, 4)), ((16, 12, 12), 16, (2, 2)),
           ((16, 6, 6), 16, (4, 4))]
KNOWN = [((3, 9, 11), 5, (3, 2))]


@pytest.mark.parametrize('image, Wnch, ds', ARTICLE + KNOWN, ids=str)
def test_known_sizes(image, Wnch, ds, rng):
    W = (Wnch, image[0], 5, 5)
    fast, stock = functions(ds, input_shape=(100,) + image, filter_shape=W)
    for B in (100, 7, 1, 0):            # 100 is what the graph says; a last minibatch is smaller
        X = (B,) + image
        Z = z_shape(X, W, ds)
        check(fast, stock, *[whole(rng, shape, 'float32') for shape in (X, W, Z)], exact=True)
        check(fast, stock, *[rng.randn(*shape).astype('float32') for shape in (X, W, Z)], exact=False)


def test_gradients_by_finite_differences(float64, rng):
    def Z(X, W):
        return pool_2d(conv2d(X, W, border_mode=(1, 2)), (2, 2), False, (3, 1))
    T.verify_grad(Z, [rng.randn(2, 3, 5, 4), rng.randn(3, 3, 3, 2)], rng=rng, mode=FUSED)


@pytest.mark.parametrize('blank', [False, True])
@pytest.mark.parametrize('where', ['X', 'W', 'gZ'])
@pytest.mark.parametrize('value', [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize('sizes', [{}, dict(input_shape=(None, 1, 28, 28), filter_shape=(16, 1, 5, 5)),
                                   dict(input_shape=(None, 16, 12, 12), filter_shape=(16, 16, 5, 5))], ids=str)
def test_nan_and_inf_travel_as_in_stock_theano(where, value, sizes, blank, rng):
    fast, stock = functions((2, 2), **sizes)
    X = (3,) + sizes.get('input_shape', (0, 2, 9, 8))[1:]
    W = sizes.get('filter_shape', (5, 2, 3, 3))
    arrays = dict(zip(('X', 'W', 'gZ'), (whole(rng, s, 'float32') for s in (X, W, z_shape(X, W, (2, 2))))))
    if blank:                           # but for a corner of one image: 0 * Inf is NaN there, too
        arrays['X'][1:] = 0
        arrays['X'][:, :, 4:] = 0
    a = arrays[where]
    a[tuple(rng.randint(0, n) for n in a.shape)] = value
    for have, want in zip(fast(*arrays.values()), stock(*arrays.values())):
        np.testing.assert_array_equal(have, want)


def test_array_layouts(rng):
    fast, stock = functions((2, 2))
    X, W = (3, 2, 9, 8), (5, 2, 3, 3)
    X, W, gZ = (whole(rng, s, 'float32') for s in (X, W, z_shape(X, W, (2, 2))))

    def strided(a):
        b = np.zeros(tuple(2 * n for n in a.shape), a.dtype)[::2, ::-2, 1::2, ::2]
        b[:] = a
        return b

    def fortran(a):
        return np.asfortranarray(a)

    def read_only(a):
        a = a.copy()
        a.flags.writeable = False
        return a

    for layout in (strided, fortran, read_only):
        arrays = [layout(a) for a in (X, W, gZ)]
        check(fast, stock, *arrays, exact=True)
        for a, b in zip(arrays, (X, W, gZ)):
            np.testing.assert_array_equal(a, b)         # inputs are left as they were


@pytest.mark.parametrize('X, W, gZ, message', [
    ((2, 3, 9, 9), (5, 2, 3, 3), (2, 5, 4, 4), 'images shape: 2 x 3 x 9 x 9\n  filters shape: 5 x 2 x 3 x 3'),
    ((2, 2, 9, 2), (5, 2, 3, 3), (2, 5, 4, 1), 'images shape: 2 x 2 x 9 x 2\n  filters shape: 5 x 2 x 3 x 3'),
    ((2, 2, 9, 9), (5, 2, 3, 3), (2, 5, 3, 4), r'gradient shape: 2 x 5 x 3 x 4 \(expected 2 x 5 x 4 x 4\)'),
    ((2, 2, 9, 9), (5, 2, 3, 3), (1, 5, 4, 4), r'gradient shape: 1 x 5 x 4 x 4 \(expected 2 x 5 x 4 x 4\)')])
def test_wrong_shapes(X, W, gZ, message):
    fast, stock = functions((2, 2))
    with pytest.raises(ValueError, match=message):
        fast(*[np.zeros(s, 'float32') for s in (X, W, gZ)])


def test_shapes_other_than_promised():
    fast, _ = functions((2, 2), input_shape=(None, 16, 12, 12), filter_shape=(16, 16, 5, 5))
    with pytest.raises(ValueError, match='images shape: 2 x 16 x 13 x 12\n.*\n.*compiled for .* 16 x 12 x 12'):
        fast(*[np.zeros(s, 'float32') for s in ((2, 16, 13, 12), (16, 16, 5, 5), (2, 16, 5, 4))])


def test_same_bits_with_any_number_of_threads(rng):
    library = ctypes.util.find_library('gomp') or 'libgomp.so.1'
    try:
        set_threads = ctypes.CDLL(library).omp_set_num_threads
    except OSError:
        pytest.skip('no libgomp to set the number of threads with')
    before = ctypes.CDLL(library).omp_get_max_threads()
    for image, Wnch, ds in ARTICLE:
        W = (Wnch, image[0], 5, 5)
        fast, _ = functions(ds, input_shape=(100,) + image, filter_shape=W)
        arrays = [rng.randn(*s).astype('float32') for s in ((100,) + image, W, z_shape((100,) + image, W, ds))]
        try:
            results = []
            for threads in (1, 2, 3):
                set_threads(threads)
                results.append(fast(*arrays))
        finally:
            set_threads(before)
        for one, *more in zip(*results):
            assert all(one.tobytes() == other.tobytes() for other in more)


def test_memory_does_not_grow(rng):
    fast, _ = functions((2, 2))
    batches = [[rng.randn(*s).astype('float32') for s in ((B, 1, 6, 6), (3, 1, 3, 3), (B, 3, 2, 2))]
               for B in (1, 5)]
    batches += [[a[:, :, ::-1] for a in batches[1]]]

    def run(n):
        for _ in range(n):
            for arrays in batches:
                fast(*arrays)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = run(1000)
    assert run(30000) - before < 4000                   # kilobytes, on Linux
