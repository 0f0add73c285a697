"""Types of Theano's scalars in place of NumPy's, as in np.asarray(1, x.type).

Missing: NumPy took the name in an object's attribute dtype for its type; since NumPy 2 that is an error.
Here: np as theano.scalar sees it takes the name, where an array is made.
"""
import numpy as np


def type_of(dtype):
    return getattr(dtype, 'dtype', dtype)


class Numpy:
    """NumPy, but for the types."""

    def __getattr__(self, name):
        return getattr(np, name)

    def asarray(self, a, dtype=None):
        return np.asarray(a, type_of(dtype))

    def zeros(self, shape, dtype=float):
        return np.zeros(shape, type_of(dtype))


def after_import(theano):
    theano.scalar.basic.np = Numpy()
