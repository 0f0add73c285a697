"""What the four arrays of a data set have to be, and what is suspicious about them though legal."""
import numbers

import numpy as np

from datasets.idx import DataError

NAMES = 'train images', 'train labels', 'test images', 'test labels'
LARGEST_LABEL = 65535


def check_int(name, value, least, most):
    """DataError unless value is an integer, also of NumPy, from least to most."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or not least <= value <= most:
        raise DataError('%s = %.200r: must be a whole number from %d to %d' % (name, value, least, most))


def check_counts(NL, NV):
    check_int('NL', NL, 1, 10**9)
    if NV is not None:
        check_int('NV', NV, 0, 10**9)


def check_shapes(shapes, source, NL, NV):
    """The number of examples to validate; DataError unless the four arrays of these shapes fit together."""
    X, t, XT, tT = shapes
    for images, labels, name in (X, t, 'train'), (XT, tT, 'test'):
        if len(images) not in (3, 4) or len(labels) != 1:
            raise DataError('%s: %s images have %d dimensions, labels %d: must be 3 or 4, and 1'
                            % (source, name, len(images), len(labels)))
        if images[0] != labels[0]:
            raise DataError('%s: %d %s images, but %d labels' % (source, images[0], name, labels[0]))
        if 0 in images:
            raise DataError('%s: %s images are of shape %s: must be 1 at least, each' % (source, name, tuple(images)))
    X, XT = (A[:1] + (1,) * (4 - len(A)) + A[1:] for A in (X, XT))
    if X[1:] != XT[1:]:
        raise DataError('%s: train images are %s, test images %s' % (source, X[1:], XT[1:]))
    if NV is None:
        NV = X[0] // 6
        if NV == 0:
            raise DataError('%s: %d train images: must be at least 6, whose last sixth validates' % (source, X[0]))
    if NV >= X[0]:
        raise DataError('NV = %d: %s has %d train images: must be less' % (NV, source, X[0]))
    if NL > X[0] - NV:
        raise DataError('NL = %d: %s has %d examples to train (%d less %d to validate)'
                        % (NL, source, X[0] - NV, X[0], NV))
    return NV


def check_values(arrays, source):
    """DataError unless the four arrays hold pixels from 0 to 255 and labels from 0, of two classes or more."""
    for name, A in zip(NAMES, arrays):
        images, where = 'images' in name, '%s: %s' % (source, name)
        if A.dtype.kind not in ('uif' if images else 'ui'):
            raise DataError('%s are of dtype %s: must be %s' % (where, A.dtype, 'numbers' if images else 'integers'))
        most = 255 if images else LARGEST_LABEL
        if A.dtype != 'uint8':
            good = (A >= 0) & (A <= most)                        # nan is neither
            if not good.all():
                first = np.unravel_index(np.argmin(good), A.shape)
                raise DataError('%s[%s] = %s: must be from 0 to %d' % (
                    where, ', '.join(map(str, first)), A[first], most))
            if A.dtype.kind == 'f' and A.max() <= 1:
                raise DataError('%s are floats from %.3g to %.3g: must be pixels from 0 to 255, not divided yet' % (
                    where, A.min(), A.max()))
    t, tT = arrays[1], arrays[3]
    if t.min() == t.max() or tT.max() > t.max():
        raise DataError('%s: labels %d to %d to train, %d to %d to test: must be two classes or more, the same in both'
                        % (source, t.min(), t.max(), tT.min(), tT.max()))


def suspicions(X, t, NL, NV):
    """Sentences on what is legal, but seldom meant, of a training file: images X (N, Xnch, Xrow, Xcol), labels t."""
    Xnch, Xrow, Xcol = X.shape[1:]
    if Xcol <= 4 < min(Xnch, Xrow):
        yield 'images of %d x %d x %d are taken as %d channels of %d x %d pixels: are the channels last?' % (
            *X.shape[1:], *X.shape[1:])
    if t.min() > 0:
        yield 'labels begin at %d: K = %d is %d too large, as no example is of a class below' % (
            t.min(), t.max() + 1, t.min())
    if (t[:-1] <= t[1:]).all() or (t[:-1] >= t[1:]).all():
        yield 'the training file is sorted by label: trains on %s' % classes(t[:NL]) + (
            ', validates on %s' % classes(t[len(t) - NV:]) if NV else '')
    elif NL > t.max() - t.min():
        missing = np.setdiff1d(np.arange(t.min(), t.max() + 1), t[:NL])
        if len(missing):
            yield 'no example to train of %s' % classes(missing)


def classes(labels):
    found = [str(k) for k in np.unique(labels)]
    return 'class ' + ', '.join(found[:10] + ['...'] * (len(found) > 10))
