"""Distortions of a minibatch against SciPy's ndimage, at coordinates computed anew in NumPy."""
from theano_setup import theano
import numpy as np
import pytest
import theano.tensor as T
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates

from fused.distort import Distort
from fused.dropout import hashed, random_at, short_key

KNOT, KEY = 7, 2**35 + 11


def uniform(key, place):
    """Numbers in [-1, 1) of the places, whose first 24 bits are random."""
    return (random_at(key, np.asarray(place, 'uint32')).astype('int32') >> 8) / 2.**23


def whole(key, place, most):
    return int(int(random_at(key, np.array([place], 'uint32'))[0]) * (2 * most + 1) >> 32) - most


def field(key, row, col, elastic):
    """Displacements (2, row, col) of an elastic field, by SciPy's cubic B-splines."""
    rows, cols = (-(-n // KNOT) + 3 for n in (row, col))
    knots = uniform(key, 8 + np.arange(2 * rows * cols)).reshape(2, rows, cols)

    def basis(n, count):
        t = np.arange(count + 4) - 3.
        return np.array([[BSpline(t, np.eye(count)[k], 3)(x / KNOT) for k in range(count)] for x in range(n)])

    return elastic / 0.2768 * np.einsum('rk,nkl,cl->nrc', basis(row, rows), knots, basis(col, cols))


def distorted(X, index, most):
    shift, rotate, zoom, elastic = most
    Z, (nch, row, col) = np.empty((len(index),) + X.shape[1:]), X.shape[1:]
    r, c = np.mgrid[:row, :col].astype(float)
    for i, n in enumerate(index):
        key = hashed(short_key(KEY) + np.uint32(i))
        angle, scale = np.deg2rad(rotate * uniform(key, [0])[0]), 1 / (1 + zoom * uniform(key, [1])[0])
        dy, dx = whole(key, 2, shift), whole(key, 3, shift)
        y, x = scale * (r - (row - 1) / 2), scale * (c - (col - 1) / 2)
        y, x = np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x
        push = field(key, row, col, elastic) if elastic else np.zeros((2, 1, 1))
        places = y + (row - 1) / 2 - dy + push[0], x + (col - 1) / 2 - dx + push[1]
        for k in range(nch):
            Z[i, k] = map_coordinates(X[n, k], places, order=1, mode='grid-constant')
    return Z


@pytest.mark.parametrize('nch, row, col', [(1, 28, 28), (3, 12, 17)])
@pytest.mark.parametrize('most', [(0, 0, 0, 0), (2, 0, 0, 0), (40, 0, 0, 0), (0, 30, 0, 0), (0, 180, 0, 0),
                                  (0, 0, 0.3, 0), (0, 0, 0, 1.5), (3, 10, 0.1, 1)])
def test_distortions_equal_ndimage(nch, row, col, most):
    rng = np.random.RandomState(0)
    X = rng.uniform(size=(9, nch, row, col))
    index = np.array([3, 0, 8, 3, 5], 'int32')
    v = T.dtensor4(), T.ivector(), T.lscalar(), T.dvector()
    found = theano.function(v, Distort()(*v))(X, index, KEY, np.array(most, 'float64'))
    np.testing.assert_allclose(found, distorted(X, index, most), atol=2e-6)
    if most == (0, 0, 0, 0):
        np.testing.assert_allclose(found, X[index], atol=1e-12)
    else:
        assert abs(found[0] - found[3]).max() > 0.001                  # the same image, distorted in two ways


def test_elastic_displacement_has_the_root_mean_square_asked_for():
    fields = np.array([field(short_key(n), 28, 28, 2.) for n in range(60)])
    assert np.sqrt((fields**2).mean()) == pytest.approx(2, rel=0.05)


def test_an_index_that_is_not_there_is_refused():
    v = T.dtensor4(), T.ivector(), T.lscalar(), T.dvector()
    with pytest.raises(ValueError, match='an index that is not in X'):
        theano.function(v, Distort()(*v))(np.zeros((3, 1, 4, 4)), np.array([3], 'int32'), 0, np.zeros(4))


def test_what_has_another_shape_is_refused():
    v = T.dtensor4(), T.ivector(), T.lscalar(), T.dvector()
    with pytest.raises(ValueError, match='must have four limits'):
        theano.function(v, Distort()(*v))(np.zeros((3, 1, 4, 4)), np.array([2], 'int32'), 0, np.zeros(1))
    with pytest.raises(TypeError, match='of 2, 1, 0, 1 dimensions: must have 4, 1, 0, 1'):
        Distort()(T.dmatrix(), *v[1:])
