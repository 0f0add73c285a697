"""MNIST, any other data set in IDX files, or drawn digits: which files, split, scaled.

    data = mnist.load('auto', NL=50000)     data.XL, data.tL: to train; XV, tV: to validate; XT, tT: to test
"""
import collections
import os
import sys

import numpy as np

from datasets import checks, download, folders
from datasets.files import one_line
from datasets.idx import DataError

NAMES = 'auto', 'mnist', 'drawn'


class Data(collections.namedtuple('Data', 'source XL tL XV tV XT tT Xnch Xrow Xcol K')):
    """Examples to train (L), to validate (V), to test (T).

    X*: float32 (N, Xnch, Xrow, Xcol), pixels / 255; t*: int32 (N,), 0 to K - 1.
    XV is None where there are none to validate.
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
    checks.check_counts(NL, NV)
    checks.check_int('seed', seed, 0, 2**32 - 1)
    if not isinstance(data, str) or data not in NAMES:
        paths, source = folders.find(data), one_line(os.fspath(data))
        shapes = [folders.read(path, header_only=True) for path in paths]
        checks.check_shapes(shapes, source, NL, NV)                      # before gigabytes are read
        return split([folders.read(path) for path in paths], source, NL, NV)
    if data != 'drawn':
        try:
            return split(download.mnist(), 'MNIST', NL, NV)
        except download.NotThere as error:
            if data == 'mnist':
                raise
            print('# %s' % error, file=sys.stderr)
    from datasets.drawn_digits import draw_digits                        # takes a moment, and is rarely needed
    source = 'drawn digits, not MNIST'
    checks.check_shapes([(60000, 28, 28), (60000,), (10000, 28, 28), (10000,)], source, NL, NV)
    X, t = draw_digits(70000, seed)
    return split([X[:60000], t[:60000], X[60000:], t[60000:]], source, NL, NV)


def split(arrays, source, NL, NV=None):
    """Data of four arrays: images and labels of the training file, then of the test file. Raises DataError.

    Images: (N, Xrow, Xcol) or (N, Xnch, Xrow, Xcol), pixels from 0 to 255; labels: integers (N,), 0 to K - 1.
    What is suspicious about them, though legal, is said on stderr.
    """
    checks.check_counts(NL, NV)
    if len(arrays) != 4:
        raise DataError('%s: %d arrays: must be 4, images and labels to train, images and labels to test' % (
            source, len(arrays)))
    X, t, XT, tT = arrays = [np.asarray(A) for A in arrays]
    NV = checks.check_shapes([A.shape for A in arrays], source, NL, NV)
    checks.check_values(arrays, source)
    X, XT = (A[:, np.newaxis] if A.ndim == 3 else A for A in (X, XT))
    for suspicion in checks.suspicions(X, t, NL, NV):
        print(one_line('# %s: %s' % (source, suspicion)), file=sys.stderr)

    def scaled(A):
        scaled = A.astype('float32')
        scaled /= 255
        return scaled

    t, tT = t.astype('int32'), tT.astype('int32')
    V = slice(len(X) - NV, None)
    XV = scaled(X[V]) if NV else None
    K = int(t.max()) + 1
    return Data(source, scaled(X[:NL]), t[:NL], XV, t[V], scaled(XT), tT, *X.shape[1:], K)


def image_size(data):
    """(Xnch, Xrow, Xcol) of the images of a data set, before it is loaded. Raises DataError."""
    if isinstance(data, str) and data in NAMES:
        return 1, 28, 28
    shape = folders.read(folders.find(data)[0], header_only=True)
    if len(shape) not in (3, 4):
        raise DataError('%s: train images have %d dimensions: must be 3 or 4' % (data, len(shape)))
    return (1,) * (4 - len(shape)) + shape[1:]


def is_data(value):
    """Whether load() would look for a data set of this name."""
    return value in NAMES or folders.is_data(value)
