"""MNIST, any other data set in IDX files, or drawn digits: read, checked, split, scaled.

    data = mnist.load('auto', NL=50000)     data.XL, data.tL: to train; XV, tV: to validate; XT, tT: to test
"""
import collections
import glob
import gzip
import hashlib
import http.client
import math
import os
import struct
import sys
import tempfile
import time
import urllib.request
import zlib

import numpy as np

# SHA-256 of the unpacked files: packed copies differ as files and agree as data.
MNIST = {
    'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
    'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
    't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
    't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
}
MIRRORS = [                                     # each has the four files, as NAME.gz
    'https://ossci-datasets.s3.amazonaws.com/mnist/',
    'https://storage.googleapis.com/cvdf-datasets/mnist/',
    'https://raw.githubusercontent.com/fgnt/mnist/master/',
    'https://web.archive.org/web/2016id_/http://yann.lecun.com/exdb/mnist/',
]
TIMEOUT = 10, 120                               # seconds without an answer; seconds for a whole file
LARGEST = 2**31                                 # bytes in a file, unpacked

Data = collections.namedtuple('Data', 'source XL tL XV tV XT tT Xnch Xrow Xcol K mean')


class DataError(Exception):
    """Data that is not there or not right: one line that names the file and what is wrong."""


def load(data='auto', NL=50000, seed=0):
    """The data set named by data, as Data.

    data: 'mnist', 'drawn' (digits drawn here, by seed), 'auto' (MNIST, or else drawn digits), or a folder of IDX files.
    Of the training file, the last sixth (MNIST: NV = 10000) validates, and the first NL of the rest train.
    X*: float32 (N, Xnch, Xrow, Xcol), pixels / 255 minus the mean image of XL; t*: int32 (N,), 0 to K - 1.
    Raises DataError.
    """
    if data == 'drawn':
        arrays, source = drawn(seed)
    elif data in ('auto', 'mnist'):
        try:
            arrays, source = [read_idx(mnist_file(name), MNIST[name]) for name in MNIST], 'MNIST'
        except DataError as error:
            if data == 'mnist' or not isinstance(error, NotThere):
                raise
            print('# %s' % error, file=sys.stderr)
            arrays, source = drawn(seed)
    else:
        arrays, source = [read_idx(path) for path in idx_folder(data)], data
    return split(arrays, source, NL)


def image_size(data):
    """(Xnch, Xrow, Xcol) of the images of a data set, before it is loaded. Raises DataError."""
    if data in ('auto', 'mnist', 'drawn'):
        return 1, 28, 28
    shape = read_idx(idx_folder(data)[0], header_only=True)
    if len(shape) not in (3, 4):
        raise DataError('%s: train-images has %d dimensions: must be 3 or 4' % (data, len(shape)))
    return (1,) * (4 - len(shape)) + shape[1:]


def split(arrays, source, NL):
    """Data of the four arrays: images and labels of the training file, then of the test file."""
    X, t, XT, tT = arrays
    X, XT = (A[:, np.newaxis] if A.ndim == 3 else A for A in (X, XT))
    for A, labels, name in ((X, t, 'train'), (XT, tT, 't10k')):
        if A.ndim != 4 or labels.ndim != 1:
            raise DataError('%s: %s images have %d dimensions, labels %d: must be 3 or 4, and 1'
                            % (source, name, A.ndim, labels.ndim))
        if len(A) != len(labels):
            raise DataError('%s: %d %s images, but %d labels' % (source, len(A), name, len(labels)))
    if X.shape[1:] != XT.shape[1:]:
        raise DataError('%s: train images are %s, t10k images %s' % (source, X.shape[1:], XT.shape[1:]))
    NV = len(X) // 6
    if NV == 0:
        raise DataError('%s: %d train images: must be at least 6, the last sixth of which validates' % (source, len(X)))
    if NL > len(X) - NV:
        raise DataError('NL = %d: %s has %d examples to train (%d less %d to validate)'
                        % (NL, source, len(X) - NV, len(X), NV))
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
    return Data(source, scaled(X[:NL]), t[:NL], scaled(X[-NV:]), t[-NV:], scaled(XT), tT, *X.shape[1:], K, mean)


def drawn(seed):
    """60000 + 10000 digits drawn here, as the four arrays, and what to call them."""
    from drawn_digits import draw_digits                # takes a moment, and is rarely needed
    X, t = draw_digits(70000, seed)
    return [X[:60000], t[:60000], X[60000:], t[60000:]], 'drawn digits, not MNIST'


# ---- IDX files

def read_idx(path, sha256=None, header_only=False):
    """The array of unsigned bytes in an IDX file, packed (.gz) or not; its shape if header_only. Raises DataError.

    With sha256, the unpacked bytes must have this hash. Memory is taken for bytes that are there, not for
    those the header promises.
    """
    opener = gzip.open if str(path).endswith('.gz') else open
    try:
        with opener(path, 'rb') as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b'\0\0':
                raise DataError('%s: not an IDX file: it begins with %r' % (path, head))
            if head[2] != 8 or not 1 <= head[3] <= 4:
                raise DataError('%s: IDX of type 0x%02x with %d dimensions: must be 0x08 (unsigned bytes) with 1 to 4'
                                % (path, head[2], head[3]))
            dims = file.read(4 * head[3])
            if len(dims) < 4 * head[3]:
                raise DataError('%s: ends within its header' % path)
            shape = struct.unpack('>%dI' % head[3], dims)
            size = math.prod(shape)
            if not 1 <= size <= LARGEST:
                raise DataError('%s: header says %s: must be 1 to %d bytes' % (path, ' x '.join(map(str, shape)), LARGEST))
            if header_only:
                return shape
            body = bytearray()
            while len(body) <= size:
                chunk = file.read(min(1 << 20, size + 1 - len(body)))      # one more than promised, if there
                if not chunk:
                    break
                body += chunk
    except (OSError, EOFError, zlib.error) as error:
        raise DataError('%s: %s' % (path, getattr(error, 'strerror', None) or str(error) or type(error).__name__))
    if len(body) != size:
        raise DataError('%s: header says %d bytes, but %s' % (
            path, size, 'more follow' if len(body) > size else 'only %d follow' % len(body)))
    if sha256 is not None:
        hashed = hashlib.sha256(head + dims)
        hashed.update(body)
        found = hashed.hexdigest()
        if found != sha256:
            raise DataError('%s: not the MNIST file: SHA-256 is %s, must be %s' % (path, found, sha256))
    return np.frombuffer(body, np.uint8).reshape(shape)


def idx_folder(folder):
    """Paths of the four IDX files of a folder, named as MNIST's: train-images*, train-labels*, t10k-images*, ..."""
    if not os.path.isdir(folder):
        raise DataError("data = '%s': must be 'auto', 'mnist', 'drawn' or a folder of IDX files" % folder)
    paths = []
    for stem in ('train-images', 'train-labels', 't10k-images', 't10k-labels'):
        found = sorted(glob.glob(os.path.join(glob.escape(folder), stem + '[-.]idx?-ubyte*')))
        if not found:
            raise DataError('%s: has no %s-idx?-ubyte or .gz of it' % (folder, stem))
        paths.append(found[0])
    return paths


# ---- finding MNIST

class NotThere(DataError):
    """MNIST is neither on this machine nor to be downloaded."""


def mnist_file(name):
    """Path of an MNIST file: in MNIST_DIR, in the user's cache folder, or downloaded into it."""
    for folder in filter(None, [os.environ.get('MNIST_DIR'), cache_folder()]):
        for path in (os.path.join(folder, name), os.path.join(folder, name + '.gz')):
            if os.path.exists(path):
                return path
        if folder == os.environ.get('MNIST_DIR'):
            print('# no %s or .gz of it in MNIST_DIR (%s)' % (name, folder), file=sys.stderr)
    return download(name)


def cache_folder():
    """Where downloads are kept."""
    return os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'mnist-idx')


def download(name):
    """Path of an MNIST file downloaded from the first mirror that has it; NotThere says why each failed."""
    path = os.path.join(cache_folder(), name + '.gz')
    failures = []
    for mirror in list(MIRRORS):
        try:
            print('# downloading %s%s.gz' % (mirror, name), file=sys.stderr)
            packed = fetch(mirror + name + '.gz')
            store(packed, path, MNIST[name])
            return path
        except (OSError, http.client.HTTPException, ValueError, DataError) as error:
            failures.append('%s: %s' % (mirror, str(error).replace('\n', ' ') or type(error).__name__))
            MIRRORS.append(MIRRORS.pop(0))              # the next file asks the next mirror first
    raise NotThere('no MNIST in MNIST_DIR (%s) or %s, and no mirror has %s: %s' % (
        os.environ.get('MNIST_DIR', 'not set'), cache_folder(), name, '; '.join(failures)))


def fetch(url):
    """The bytes at url; OSError when there are too many, or they come too slowly."""
    start = time.monotonic()
    body = bytearray()
    with urllib.request.urlopen(url, timeout=TIMEOUT[0]) as answer:
        while True:
            chunk = answer.read(1 << 16)
            if not chunk:
                break
            body += chunk
            if len(body) > 2**26:
                raise OSError('more than 64 MiB')
            if time.monotonic() - start > TIMEOUT[1]:
                raise OSError('not finished after %d s' % TIMEOUT[1])
    promised = answer.headers.get('Content-Length')
    if promised is not None and len(body) < int(promised):
        raise OSError('ended after %d of %s bytes' % (len(body), promised))
    return bytes(body)


def store(packed, path, sha256):
    """Writes packed bytes to path, which appears only once it is whole and its content has the hash."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd, part = tempfile.mkstemp(suffix='.part.gz', dir=os.path.dirname(path))
    try:
        with os.fdopen(fd, 'wb') as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        read_idx(part, sha256)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
