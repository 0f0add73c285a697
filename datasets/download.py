"""MNIST, wherever it is: in the folder MNIST_DIR, in the user's cache folder, or downloaded into it."""
import contextlib
import hashlib
import io
import os
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
try:
    import fcntl
except ImportError:                             # not a Unix: no locks
    fcntl = None

from datasets.files import FileError, one_line, write_whole
from datasets.folders import data_sets
from datasets.idx import DataError, Unpacked, read_idx

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
LARGEST = 2**26                                 # bytes in one of the four files, packed or not


class NotThere(DataError):
    """MNIST is neither on this machine nor to be downloaded."""


def mnist():
    """The four arrays of MNIST. Raises NotThere, or DataError where a file is damaged."""
    paths = [mnist_file(name) for name in MNIST]
    with ThreadPoolExecutor(len(paths)) as threads:         # unpacked side by side
        return list(threads.map(read_idx, paths, MNIST.values()))


def mnist_file(name):
    """Path of an MNIST file: in MNIST_DIR, in the user's cache folder, or downloaded into it."""
    for folder in filter(None, [os.environ.get('MNIST_DIR'), cache_folder()]):
        try:
            return data_sets(folder)[''][name.partition('-idx')[0]]
        except KeyError:
            reason = 'not among its files'
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
                    for part in os.listdir(folder):     # of processes that were killed
                        if '.part' in part:
                            os.unlink(os.path.join(folder, part))
                write_whole(path, from_mirrors(name))
        return path
    except (OSError, FileError) as error:
        raise NotThere('no MNIST in MNIST_DIR (%s), and nothing can be downloaded to %s: %s' % (
            os.environ.get('MNIST_DIR', 'not set'), folder, getattr(error, 'strerror', None) or error))


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


def from_mirrors(name):
    """The packed bytes of an MNIST file, from the first mirror that has it; NotThere says why each failed."""
    import http.client                                  # not above: most runs, which find the files, start sooner
    failures = []
    for mirror in list(MIRRORS):
        try:
            print('# downloading %s%s.gz' % (mirror, name), file=sys.stderr)
            packed = fetch(mirror + name + '.gz')
            check_hash(packed, MNIST[name])
            return packed
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append('%s: %s' % (mirror, str(error) or type(error).__name__))
        MIRRORS.append(MIRRORS.pop(0))                  # the next file asks the next mirror first
    raise NotThere('no MNIST in MNIST_DIR (%s) or %s, and no mirror has %s: %s' % (
        os.environ.get('MNIST_DIR', 'not set'), cache_folder(), name, '; '.join(failures)))


def fetch(url):
    """The bytes at url; OSError when there are too many, or they come too slowly."""
    import urllib.request
    start = time.monotonic()
    body = bytearray()
    with urllib.request.urlopen(url, timeout=TIMEOUT[0]) as answer:
        while True:
            chunk = answer.read1(1 << 16)               # what has come: read() would wait for all of it
            if not chunk:
                break
            body += chunk
            if len(body) > LARGEST:
                raise OSError('more than %d bytes' % LARGEST)
            if time.monotonic() - start > TIMEOUT[1]:
                raise OSError('not finished after %d s' % TIMEOUT[1])
    promised = answer.headers.get('Content-Length')
    if promised is not None and len(body) < int(promised):
        raise OSError('ended after %d of %s bytes' % (len(body), promised))
    return bytes(body)


def check_hash(packed, sha256):
    """DataError unless packed bytes hold those of this hash."""
    try:
        content = Unpacked(io.BytesIO(packed)).read(LARGEST)
    except (EOFError, zlib.error) as error:
        raise DataError('not a whole gzip file: %s' % error)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError('not the MNIST file: SHA-256 is %s, must be %s' % (found, sha256))
