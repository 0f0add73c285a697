"""MNIST, any other data set in IDX files, or drawn digits: found, read, checked, split, scaled.

    data = mnist.load('auto', NL=50000)     data.XL, data.tL: to train; XV, tV: to validate; XT, tT: to test
"""
import collections
import contextlib
import glob
import http.client
import os
import sys
import tempfile
import time
import urllib.request
try:
    import fcntl
except ImportError:                             # not a Unix: no locks
    fcntl = None

import numpy as np

is_int = lambda v, a, b: isinstance(v, (int, np.integer)) and a <= v <= b
from datasets.files import one_line
from datasets.idx import DataError, check_shapes, idx_folder, read_idx

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

Data = collections.namedtuple('Data', 'source XL tL XV tV XT tT Xnch Xrow Xcol K mean')


def load(data='auto', NL=50000, seed=0):
    """The data set named by data, as Data.

    data: 'mnist', 'drawn' (digits drawn here, by seed), 'auto' (MNIST, or else drawn digits), or a folder of IDX files.
    Of the training file, the last sixth (MNIST: NV = 10000) validates, and the first NL of the rest train.
    X*: float32 (N, Xnch, Xrow, Xcol), pixels / 255 minus the mean image of XL; t*: int32 (N,), 0 to K - 1.
    Raises DataError.
    """
    for name, value, least, most in (('NL', NL, 1, 10**9), ('seed', seed, 0, 2**32 - 1)):
        if not is_int(value, least, most):
            raise DataError('%s = %.200r: must be a whole number from %d to %d' % (name, value, least, most))
    if isinstance(data, str) and data == 'drawn':
        arrays, source = drawn(seed)
    elif isinstance(data, str) and data in ('auto', 'mnist'):
        try:
            arrays, source = [read_idx(mnist_file(name), MNIST[name]) for name in MNIST], 'MNIST'
        except DataError as error:
            if data == 'mnist' or not isinstance(error, NotThere):
                raise
            print('# %s' % error, file=sys.stderr)
            arrays, source = drawn(seed)
    else:
        paths, source = idx_folder(data), one_line(os.fspath(data))
        check_shapes([read_idx(path, header_only=True) for path in paths], source, NL)     # before gigabytes are read
        arrays = [read_idx(path) for path in paths]
    return split(arrays, source, NL)


def image_size(data):
    """(Xnch, Xrow, Xcol) of the images of a data set, before it is loaded. Raises DataError."""
    if isinstance(data, str) and data in ('auto', 'mnist', 'drawn'):
        return 1, 28, 28
    shape = read_idx(idx_folder(data)[0], header_only=True)
    if len(shape) not in (3, 4):
        raise DataError('%s: train-images has %d dimensions: must be 3 or 4' % (data, len(shape)))
    return (1,) * (4 - len(shape)) + shape[1:]


def split(arrays, source, NL):
    """Data of the four arrays: images and labels of the training file, then of the test file."""
    check_shapes([A.shape for A in arrays], source, NL)
    X, t, XT, tT = arrays
    X, XT = (A[:, np.newaxis] if A.ndim == 3 else A for A in (X, XT))
    NV = len(X) // 6
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
    from datasets.drawn_digits import draw_digits                # takes a moment, and is rarely needed
    X, t = draw_digits(70000, seed)
    return [X[:60000], t[:60000], X[60000:], t[60000:]], 'drawn digits, not MNIST'


# ---- finding MNIST

class NotThere(DataError):
    """MNIST is neither on this machine nor to be downloaded."""


def mnist_file(name):
    """Path of an MNIST file: in MNIST_DIR, in the user's cache folder, or downloaded into it."""
    for folder in filter(None, [os.environ.get('MNIST_DIR'), cache_folder()]):
        for path in (os.path.join(folder, name), os.path.join(folder, name + '.gz')):
            try:
                os.lstat(path)                          # a link that leads nowhere is there, and an error when read
                return path
            except OSError as error:
                reason = error.strerror
        if folder == os.environ.get('MNIST_DIR'):
            print(one_line('# no %s or .gz of it in MNIST_DIR (%s): %s' % (name, folder, reason)), file=sys.stderr)
    return download(name)


def cache_folder():
    """Where downloads are kept."""
    return os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'mnist-idx')


def download(name):
    """Path of an MNIST file downloaded to the cache, by this process or by the one it waited for. Raises NotThere."""
    folder = cache_folder()
    path = os.path.join(folder, name + '.gz')
    try:
        if not os.path.isabs(folder):
            raise OSError('no home folder: set HOME, XDG_CACHE_HOME or MNIST_DIR')
        os.makedirs(folder, exist_ok=True)
        with alone_in(folder) as alone:
            if not os.path.exists(path):
                if alone:
                    for part in glob.glob(os.path.join(glob.escape(folder), '*.part.gz')):
                        os.unlink(part)                 # of a process that was killed
                from_mirrors(name, path)
        return path
    except OSError as error:
        raise NotThere('no MNIST in MNIST_DIR (%s), and nothing can be downloaded to %s: %s' % (
            os.environ.get('MNIST_DIR', 'not set'), folder, error.strerror or error))


@contextlib.contextmanager
def alone_in(folder):
    """Waits until no other process is in here with this folder; yields whether that could be had.

    The lock is the kernel's, on the folder itself: it ends with its holder, however that ends.
    """
    if fcntl is None:
        yield False
        return
    lock = os.open(folder, os.O_RDONLY)
    try:
        yield locked(lock)
    finally:
        os.close(lock)


def locked(lock):
    """Whether an exclusive lock could be had, within the time that a download may take."""
    until = time.monotonic() + TIMEOUT[1]
    while time.monotonic() < until:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.1)
        except OSError:                                 # a file system without locks
            return False
    return False


def from_mirrors(name, path):
    """Stores an MNIST file from the first mirror that has it; NotThere says why each failed."""
    failures = []
    for mirror in list(MIRRORS):
        try:
            print('# downloading %s%s.gz' % (mirror, name), file=sys.stderr)
            packed = fetch(mirror + name + '.gz')
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append('%s: %s' % (mirror, str(error) or type(error).__name__))
        else:
            try:
                store(packed, path, MNIST[name])
                return
            except DataError as error:
                failures.append('%s: %s' % (mirror, error))
        MIRRORS.append(MIRRORS.pop(0))                  # the next file asks the next mirror first
    raise NotThere('no MNIST in MNIST_DIR (%s) or %s, and no mirror has %s: %s' % (
        os.environ.get('MNIST_DIR', 'not set'), cache_folder(), name, '; '.join(failures)))


def fetch(url):
    """The bytes at url; OSError when there are too many, or they come too slowly."""
    start = time.monotonic()
    body = bytearray()
    with urllib.request.urlopen(url, timeout=TIMEOUT[0]) as answer:
        while True:
            chunk = answer.read1(1 << 16)               # what has come: read() would wait for all of it
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
