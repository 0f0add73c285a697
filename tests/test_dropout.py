"""Dropout: C against NumPy, gradients against finite differences."""
from theano_setup import theano
import numpy as np
import pytest
import theano.tensor as T

from fused.dropout import Dropout

X = np.random.RandomState(0).normal(size=(50, 7, 6, 5)).astype('float32') + 10


def left_out(X, key, drop):
    """X after Dropout, written anew in Python's own integers."""
    def hashed(n):
        n = (n ^ n >> 16) * 0x7feb352d & 0xffffffff
        n = (n ^ n >> 15) * 0x846ca68b & 0xffffffff
        return n ^ n >> 16

    key = hashed((key & 0xffffffff) + 0x9e3779b9 * hashed(key >> 32 & 0xffffffff) & 0xffffffff)
    drawn = np.array([hashed(key + hashed(place + 0x9e3779b9 & 0xffffffff) & 0xffffffff)
                      for place in range(X.size)])
    return np.where(drawn.reshape(X.shape) / 2**32 < drop, 0, X / (1 - drop))


@pytest.mark.parametrize('key, drop', [(0, 0.5), (2**40 + 7, 0.2), (-3, 0.9)])
def test_the_share_left_out_is_that_of_the_formula_in_c_and_in_numpy(key, drop):
    x = T.tensor4()
    for mode in 'FAST_RUN', 'FAST_COMPILE':
        found = theano.function([x], Dropout()(x, np.int64(key), drop), mode=mode)(X)
        np.testing.assert_allclose(found, left_out(X, key, drop), rtol=1e-6)
        assert abs((found == 0).mean() - drop) < 4 * np.sqrt(drop * (1 - drop) / X.size)


def test_other_keys_and_neighbouring_places_are_independent():
    x, key = T.tensor4(), T.lscalar()
    f = theano.function([x, key], Dropout()(x, key, 0.5))
    masks = np.array([f(X, k).ravel() != 0 for k in range(200)]).astype('float64')
    assert abs(np.corrcoef(masks[:, :-1].ravel(), masks[:, 1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(masks[:-1].ravel(), masks[1:].ravel())[0, 1]) < 0.01
    assert abs(masks.mean(0) - 0.5).max() < 0.2                     # no place is favoured


def test_gradient_agrees_with_finite_differences(float64):
    theano.gradient.verify_grad(lambda x: Dropout()(x, np.int64(5), 0.3), [X[:3].astype('float64')],
                                rng=np.random.RandomState(0))


@pytest.mark.parametrize('mode', ['FAST_RUN', 'FAST_COMPILE'])
def test_what_is_left_out_is_0_whatever_it_was(mode):
    x = T.tensor4()
    found = theano.function([x], Dropout()(x, np.int64(5), 0.3), mode=mode)(np.full(X.shape, np.inf, 'float32'))
    assert set(found.ravel()) == {0, np.inf}
