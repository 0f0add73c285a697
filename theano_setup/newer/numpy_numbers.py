"""Python's numbers among NumPy's: how they are converted and compared.

Missing, since NumPy 2: np.asarray(300, 'int8') raises, where it wrapped around, so that Theano takes another, wrong
type for its constants; 0.1 == np.float32(0.1) is True, as if 0.1 were a float32, so that with floatX=float64 constants
become float32; np.float32(1) / 0.3 is a float32, so that 1 / x of doubles is one where Theano has no C for it.
Here: theano._asarray wraps around; Theano's choice of a type compares in double precision, and 1 / x divides in it.
"""
import contextlib
import sys
import types

import numpy as np

from theano_setup.newer import Before


def wrapping_asarray(a, dtype=None, order=None):
    try:
        return np.asarray(a, dtype=dtype, order=order)
    except OverflowError:
        return np.asarray(a, order=order).astype(dtype)


class Exact(float):
    """A float that is compared as a float64."""
    __hash__ = float.__hash__

    def __eq__(self, other):
        return np.float64(self) == np.asarray(other, 'float64')


def repair():
    sys.modules['theano.misc.safe_asarray'].np = types.SimpleNamespace(asarray=wrapping_asarray, dtype=np.dtype)
    autocaster = sys.modules['theano.scalar.basic'].NumpyAutocaster
    call = autocaster.__call__
    autocaster.__call__ = lambda self, x: call(self, Exact(x) if type(x) is float else x)
    sys.modules['theano.scalar.basic'].Inv.impl = lambda self, x: np.float64(1) / x


@contextlib.contextmanager
def before_import():
    sys.meta_path.insert(0, Before('theano.scalar.basic_scipy', repair))
    yield
