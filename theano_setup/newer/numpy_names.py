"""Names that Theano takes from NumPy and NumPy has no more.

Missing: np.complex since NumPy 1.24; np.product, cast, sctype2char, MAXDIMS and ComplexWarning since NumPy 2.
Here: what they were, under the same names, where they are absent. Where np.MAXDIMS goes to C as
'no axis', it is NPY_RAVEL_AXIS.
"""
import contextlib

import numpy as np

from theano_setup.newer.numpy_types import type_of


class Cast(dict):
    """np.cast[dtype](x) is x as an array of that type."""

    def __missing__(self, dtype):
        return lambda x: np.asarray(x).astype(type_of(dtype))


@contextlib.contextmanager
def before_import():
    old = dict(complex=complex, product=np.prod, cast=Cast(), sctype2char=lambda sctype: np.dtype(sctype).char,
               MAXDIMS=64, ComplexWarning=np.exceptions.ComplexWarning)
    for name, value in old.items():
        if name not in vars(np):
            setattr(np, name, value)
    yield


def after_import(theano):
    from theano.tensor.extra_ops import CumOp
    NPY_RAVEL_AXIS = -2**31
    CumOp.c_axis = property(lambda self: NPY_RAVEL_AXIS if self.axis is None else self.axis)
