"""MNIST, any other data set in IDX files, or drawn digits: which files, split, scaled.

    data = mnist.load('auto', NL=50000)     data.XL, data.tL: to train; XV, tV: to validate; XT, tT: to test
"""
import collections
import numbers
import os
import sys

import numpy as np

from datasets import download, folders
from datasets.files import one_line
from datasets.idx import DataError


class Data(collections.namedtuple('Data', 'source XL tL XV tV XT tT Xnch Xrow Xcol K mean')):
    """Examples to train (L), to validate (V), to test (T), and the mean image that was subtracted from them.

    X*: float32 (N, Xnch, Xrow, Xcol), pixels / 255 minus mean (Xnch, Xrow, Xcol); t*: int32 (N,), 0 to K - 1.
    """
    __slots__ = ()

    def __repr__(self):
        return '%d examples to train, %d to validate, %d to test\n%d x %d x %d pixels, %d classes\n%s' % (
            len(self.tL), len(self.tV), len(self.tT), self.Xnch, self.Xrow, self.Xcol, self.K, self.source)


def load(data='auto', NL=50000, seed=0, NV=None):
    """The data set named by data, as Data. Raises DataError.

    data: 'mnist', 'drawn' (digits drawn here, by seed), 'auto' (MNIST, or else drawn digits), or a folder of IDX files.
    NL, NV: examples of the training file to train, its first; to validate, its last: a sixth (MNIST: 10000) if None.
    """
    for name, value, least, most in ('NL', NL, 1, 10**9), ('seed', seed, 0, 2**32 - 1), ('NV', NV, 0, 10**9):
        if not (isinstance(value, numbers.Integral) and not isinstance(value, bool) and least <= value <= most
                or name == 'NV' and value is None):
            raise DataError('%s = %.200r: must be a whole number from %d to %d' % (name, value, least, most))
    if not isinstance(data, str) or data not in ('auto', 'mnist', 'drawn'):
        paths, source = folders.find(data), one_line(os.fspath(data))
        check_shapes([folders.read(path, header_only=True) for path in paths], source, NL, NV)  # no gigabytes in vain
        return split([folders.read(path) for path in paths], source, NL, NV)
    if data != 'drawn':
        try:
            return split(download.mnist(), 'MNIST', NL, NV)
        except download.NotThere as error:
            if data == 'mnist':
                raise
            print('# %s' % error, file=sys.stderr)
    from datasets.drawn_digits import draw_digits                # takes a moment, and is rarely needed
    X, t = draw_digits(70000, seed)
    return split([X[:60000], t[:60000], X[60000:], t[60000:]], 'drawn digits, not MNIST', NL, NV)


def image_size(data):
    """(Xnch, Xrow, Xcol) of the images of a data set, before it is loaded. Raises DataError."""
    if isinstance(data, str) and data in ('auto', 'mnist', 'drawn'):
        return 1, 28, 28
    shape = folders.read(folders.find(data)[0], header_only=True)
    if len(shape) not in (3, 4):
        raise DataError('%s: train images have %d dimensions: must be 3 or 4' % (data, len(shape)))
    return (1,) * (4 - len(shape)) + shape[1:]


def split(arrays, source, NL, NV=None):
    """Data of the four arrays: images and labels of the training file, then of the test file. Raises DataError."""
    NV = check_shapes([A.shape for A in arrays], source, NL, NV)
    X, t, XT, tT = arrays
    X, XT = (A[:, np.newaxis] if A.ndim == 3 else A for A in (X, XT))
    K = int(t.max()) + 1
    if t.min() == t.max() or tT.max() >= K:
        raise DataError('%s: labels %d to %d to train, %d to %d to test: must be two classes or more, the same in both'
                        % (source, t.min(), t.max(), tT.min(), tT.max()))

    mean = X[:NL].mean(axis=0, dtype='float64') / 255

    def scaled(A):
        scaled = A.astype('float32')
        scaled /= 255
        scaled -= mean.astype('float32')
        return scaled

    t, tT = t.astype('int32'), tT.astype('int32')
    V = slice(len(X) - NV, None)
    return Data(source, scaled(X[:NL]), t[:NL], scaled(X[V]), t[V], scaled(XT), tT, *X.shape[1:], K, mean)


def check_shapes(shapes, source, NL, NV):
    """The number of examples to validate; DataError unless images and labels, to train and to test, fit together."""
    X, t, XT, tT = shapes
    for A, labels, name in ((X, t, 'train'), (XT, tT, 'test')):
        if len(A) not in (3, 4) or len(labels) != 1:
            raise DataError('%s: %s images have %d dimensions, labels %d: must be 3 or 4, and 1'
                            % (source, name, len(A), len(labels)))
        if A[0] != labels[0]:
            raise DataError('%s: %d %s images, but %d labels' % (source, A[0], name, labels[0]))
    X, XT = (A[:1] + (1,) * (4 - len(A)) + A[1:] for A in (X, XT))
    if X[1:] != XT[1:]:
        raise DataError('%s: train images are %s, test images %s' % (source, X[1:], XT[1:]))
    if NV is None:
        NV = X[0] // 6
        if NV == 0:
            raise DataError('%s: %d train images: must be at least 6, whose last sixth validates' % (source, X[0]))
    if NL > X[0] - NV:
        raise DataError('NL = %d: %s has %d examples to train (%d less %d to validate)'
                        % (NL, source, X[0] - NV, X[0], NV))
    return NV
