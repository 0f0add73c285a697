"""Dropout whose random numbers follow from a key: the same on any number of threads, and again after a resume."""
from theano_setup import theano
import numpy as np
import theano.tensor as T

from .kernel_op import KernelOp


class Dropout(KernelOp):
    """X (...), key (int64), drop (0 to below 1) -> X, a random share drop of it 0, and the rest X / (1 - drop)."""
    __props__ = ()
    c_file = 'dropout.h'

    def make_node(self, X, key, drop):
        X = T.as_tensor_variable(X)
        return theano.Apply(self, [X, T.cast(key, 'int64'), T.cast(drop, 'float64')], [X.type()])

    def infer_shape(self, node, shapes):
        return [shapes[0]]

    def grad(self, inputs, gradients):
        X, key, drop = inputs
        disconnected = theano.gradient.DisconnectedType()
        return [self(gradients[0], key, drop), disconnected(), disconnected()]

    def connection_pattern(self, node):
        return [[True], [False], [False]]

    def perform(self, node, inputs, outputs):
        """The same in NumPy, for where there is no compiler."""
        X, key, drop = inputs
        kept = random_at(short_key(key), np.arange(X.size, dtype='uint32')) >= np.uint32(drop * 2.**32)
        outputs[0][0] = np.where(kept.reshape(X.shape), X * X.dtype.type(1 / (1 - drop)), X.dtype.type(0))


def hashed(n):
    n = (n ^ n >> np.uint32(16)) * np.uint32(0x7feb352d)
    n = (n ^ n >> np.uint32(15)) * np.uint32(0x846ca68b)
    return n ^ n >> np.uint32(16)


def short_key(key):
    low, high = (np.array([int(key) >> shift & 0xffffffff], 'uint32') for shift in (0, 32))
    return hashed(low + np.uint32(0x9e3779b9) * hashed(high))


def random_at(key, place):
    """Random numbers, uint32, of the places, as kernels/random.h has them."""
    return hashed(key + hashed(place + np.uint32(0x9e3779b9)))
