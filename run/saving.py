"""Files that are there whole or not at all: checkpoints of a training, and trained nets.

    SavedNet = saving.load_net('NET.npz')        SavedNet.net.output(X), .mean, .K, .source, .settings

Both are .npz files of plain arrays: what they are about, in JSON, and a checksum of everything stand in it, too.
"""
import collections
import contextlib
import glob
import hashlib
import io
import json
import os
import platform
import sys
import tempfile
import zipfile
import zlib

import theano_setup  # noqa: F401  before Theano, which it sets up
import numpy as np
import scipy
import theano

import mlp_2layer
import mlp_3layer
from convnet import ConvLayer
from nnet import FullLayer

try:
    import fcntl
except ImportError:                              # not on Windows: there, two runs are not told apart
    fcntl = None

FORMAT = 1
LARGEST = 2**32                                  # bytes in a file
SavedNet = collections.namedtuple('SavedNet', 'net mean K source settings')
State = collections.namedtuple('State', 'epoch minibatch random log params velocities')


class SavingError(Exception):
    """A file that cannot be written, or is not what it should be: one line that names it."""


def versions():
    """What figures depend on beside the settings."""
    return 'python %s, theano %s, numpy %s, scipy %s' % (
        platform.python_version(), theano.__version__, np.__version__, scipy.__version__)


# ---- files

def part_of(path):
    """How the names of a file's unfinished versions begin, in the same folder."""
    return os.path.join(os.path.dirname(os.path.abspath(path)), '.%s-' % os.path.basename(path))


def write_whole(path, content):
    """Puts bytes into a file that keeps what it had until the new ones are safe on disk. Raises SavingError."""
    folder, prefix = os.path.split(part_of(path))
    try:
        fd, part = tempfile.mkstemp(prefix=prefix, suffix='.part', dir=folder)
        try:
            with os.fdopen(fd, 'wb') as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(part, 0o666 & ~UMASK)
            os.replace(part, path)
        except BaseException:
            os.unlink(part)
            raise
        sync_folder(folder)
    except OSError as error:
        raise SavingError('%s: cannot be written: %s' % (path, error.strerror))


def sync_folder(folder):
    """Makes the names in a folder outlive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


UMASK = os.umask(0)                              # it can only be read by setting it
os.umask(UMASK)


def checksum(about, arrays):
    """SHA-256 of the words and of every array's name, type, shape and bytes, in hexadecimal."""
    digest = hashlib.sha256(about.encode())
    for name, array in sorted(arrays.items()):
        digest.update(('\0%s %s %s\0' % (name, array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def write(path, kind, about, arrays):
    """Writes arrays, a dictionary, and about, one that JSON can hold, as a file of this kind. Raises SavingError."""
    about = json.dumps(dict(about, kind=kind, format=FORMAT, versions=versions()))
    file = io.BytesIO()
    np.savez(file, about=about, checksum=checksum(about, arrays), **arrays)
    write_whole(path, file.getvalue())


def read(path, kind):
    """(about, arrays) of a file that write() made; SavingError where it is not one, or not as it was written."""
    try:
        if os.path.getsize(path) > LARGEST:
            raise ValueError('more than %d bytes' % LARGEST)
        with open(path, 'rb') as file:
            arrays = read_arrays(file)
        about, found = str(arrays.pop('about')), str(arrays.pop('checksum'))
        words = json.loads(about)
        if words['kind'] != kind:
            raise SavingError('%s: is a %s, not a %s' % (path, words['kind'], kind))
        if words['format'] > FORMAT:
            raise SavingError('%s: format %d is newer than %d, the newest known here' % (path, words['format'], FORMAT))
        if found != checksum(about, arrays):
            raise SavingError('%s: damaged: its checksum does not fit' % path)
        return words, arrays
    except OSError as error:
        raise SavingError('%s: cannot be read: %s' % (path, error.strerror or error))
    except (ValueError, KeyError, TypeError, EOFError, MemoryError, NotImplementedError, RuntimeError,
            zipfile.BadZipFile, zlib.error):
        raise SavingError('%s: not a %s, or damaged' % (path, kind))


def read_arrays(file):
    """The arrays of an .npz file, none of them larger than the bytes that are there for it."""
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        for item in archive.infolist():
            if item.compress_type != zipfile.ZIP_STORED or not item.filename.endswith('.npy'):
                raise ValueError
            member = io.BytesIO(archive.read(item))
            version = np.lib.format.read_magic(member)
            shape, _, dtype = np.lib.format.read_array_header_1_0(member) if version == (1, 0) else (None,) * 3
            if shape is None or dtype.hasobject or \
                    np.prod(shape, dtype='float64') * dtype.itemsize != len(member.getbuffer()) - member.tell():
                raise ValueError
            member.seek(0)
            arrays[item.filename[:-len('.npy')]] = np.lib.format.read_array(member, allow_pickle=False)
    return arrays


# ---- trained nets

def layer_words(layer):
    """What a layer is built from, as a dictionary."""
    names = ['Xrow', 'Xcol', 'Xnch', 'Wrow', 'Wcol', 'Wnch', 'ds', 'afunc'] if isinstance(layer, ConvLayer) else [
        'D', 'H', 'afunc']
    return dict({name: getattr(layer, name) for name in names}, withBias=layer.b is not None)


def save_net(path, net, data, settings):
    """Keeps a trained net with all it takes to use it: layers, parameters, the mean image. Raises SavingError."""
    arrays = {'W%d' % n: W.get_value(borrow=True) for n, W in enumerate(net.params)}
    write(path, 'saved net', {'layers': [layer_words(layer) for layer in net.layers], 'K': data.K,
                              'source': data.source, 'settings': settings}, dict(arrays, mean=data.mean))


def load_net(path):
    """The SavedNet of a file that save_net wrote.

    net: mlp_2layer.Net or mlp_3layer.Net; mean: (Xnch, Xrow, Xcol), to be subtracted from pixels / 255;
    K: number of classes; source: words on the data it was trained on; settings: its hyperparameters.
    Raises SavingError.
    """
    about, arrays = read(path, 'saved net')
    rng = np.random.RandomState(0)
    try:
        hidden = [(ConvLayer if 'Wnch' in words else FullLayer)(Wsigma=0, rng=rng, **words)
                  for words in about['layers'][:-1]]
        net = (mlp_2layer if len(hidden) == 1 else mlp_3layer).Net(*hidden, about['K'], rng)
        for n, W in enumerate(net.params):
            value = arrays['W%d' % n]
            if value.shape != W.get_value(borrow=True).shape:
                raise ValueError('W%d of shape %s' % (n, value.shape))
            W.set_value(value.astype(theano.config.floatX))
        return SavedNet(net, arrays['mean'], about['K'], about['source'], about['settings'])
    except (ValueError, KeyError, TypeError) as error:
        raise SavingError('%s: no net can be made of it: %s' % (path, error))


# ---- checkpoints

def fingerprint(data):
    """A hash of all examples and labels of a Data."""
    digest = hashlib.sha256()
    for array in (data.XL, data.tL, data.XV, data.tV, data.XT, data.tT):
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


class Checkpoint:
    """The state of a training in a file, for one process at a time.

    settings: the hyperparameters that the training depends on; data: its Data. In a with block the file
    is this process's own. load() gives the State to go on from, or None where there is no file; save() replaces it.
    Raises SavingError where the file is of another training, damaged, used by another process or not to be written.
    """

    def __init__(self, path, settings, data, resume):
        self.path, self.resume = path, resume
        names = set(settings) - {'data', 'checkpoint', 'resume', 'save'}         # the data are known by their content
        self.about = {'settings': dict({name: settings[name] for name in sorted(names)}, floatX=theano.config.floatX),
                      'data': fingerprint(data)}

    def __enter__(self):
        self.lock = lock(self.path + '.lock')
        self.loaded = None
        try:
            for part in glob.glob(glob.escape(part_of(self.path)) + '*.part'):      # of a process that was killed
                os.unlink(part)
            if os.path.lexists(self.path):
                if not self.resume:
                    raise SavingError('%s: is there already: resume=True goes on from it; remove it to start anew' % self.path)
                self.loaded = self.load()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        unlock(self.lock)

    def load(self):
        about, arrays = read(self.path, 'checkpoint')
        about['settings'] = {name: tuple(v) if isinstance(v, list) else v for name, v in about['settings'].items()}
        here = self.about['settings']
        differ = ['%s = %r, not %r' % (name, there, here.get(name)) for name, there in about['settings'].items()
                  if there != here.get(name)]
        if differ:
            raise SavingError('%s: is of another training: %s' % (self.path, ', '.join(differ)))
        if about['data'] != self.about['data']:
            raise SavingError('%s: is of a training on other data' % self.path)
        if about['versions'] != versions():
            print('# %s: written by %s; the figures may differ in the last digits' % (self.path, about['versions']),
                  file=sys.stderr)
        params = [arrays['W%d' % n] for n in range(about['params'])]
        velocities = [arrays['v%d' % n] for n in range(about['params'])]
        random = tuple(about['random'][:1]) + (arrays['random'],) + tuple(about['random'][1:])
        return State(about['epoch'], about['minibatch'], random, about['log'], params, velocities)

    def save(self, state):
        arrays = {'%s%d' % (letter, n): W for letter, values in (('W', state.params), ('v', state.velocities))
                  for n, W in enumerate(values)}
        kind, keys, *rest = state.random
        about = dict(self.about, epoch=state.epoch, minibatch=state.minibatch, log=state.log, params=len(state.params),
                     random=[kind] + rest)
        write(self.path, 'checkpoint', about, dict(arrays, random=keys))


def lock(path):
    """A file of this name that only this process holds, until unlock() or its end. Raises SavingError."""
    try:
        while True:
            file = open(path, 'w')
            if fcntl is None:
                return file
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SavingError('%s: another run is using it' % path[:-len('.lock')])
            except OSError:                                      # a file system without locks
                return file
            with contextlib.suppress(FileNotFoundError):         # its last holder has removed it meanwhile: try again
                if os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                    return file
    except OSError as error:
        raise SavingError('%s: cannot be written: %s' % (path, error.strerror))


def unlock(file):
    os.unlink(file.name)
    file.close()
