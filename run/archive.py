"""Arrays and what they are about in one .npz file, with a checksum of everything: checkpoints and saved nets."""
import hashlib
import io
import json
import os
import platform
import zipfile
import zlib

from theano_setup import theano
import numpy as np
import scipy

from datasets.files import FileError, write_whole

LARGEST = 2**34                                  # bytes in a file: four layers of 2**28 weights, three times


def versions():
    """What figures depend on beside the settings."""
    return 'python %s, theano %s, numpy %s, scipy %s' % (
        platform.python_version(), theano.__version__, np.__version__, scipy.__version__)


def checksum(about, arrays):
    """SHA-256 of the text and of every array's name, type, shape and bytes, in hexadecimal."""
    digest = hashlib.sha256(about.encode())
    for name, array in sorted(arrays.items()):
        digest.update(('\0%s %s %s\0' % (name, array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def as_read(path, settings):
    """Settings as a file gives them back: NumPy's numbers as Python's, tuples as lists. Raises FileError."""
    found = {}
    for name, value in settings.items():
        try:
            found[name] = json.loads(json.dumps(value, default=lambda number: number.item()))
        except (AttributeError, TypeError, ValueError):
            raise FileError('%s: %s = %.200r: cannot be kept: must be a number, text, None, or a tuple, list or '
                            'dictionary of such' % (path, name, value)) from None
    return found


def write(path, kind, format, about, arrays):
    """Writes arrays, a dictionary, and about, one that JSON can hold, as a file of this kind. Raises FileError."""
    about = json.dumps(dict(about, kind=kind, format=format, versions=versions()))
    file = io.BytesIO()
    np.savez(file, about=about, checksum=checksum(about, arrays), **arrays)
    write_whole(path, file.getvalue())


def read(path, kinds, format):
    """(about, arrays) of a file that write() made, of one of these kinds and at most this format.

    FileError where it is not one, or not as it was written.
    """
    try:
        if os.path.getsize(path) > LARGEST:
            raise ValueError('more than %d bytes' % LARGEST)
        with open(path, 'rb') as file:
            arrays = read_arrays(file)
        text, found = str(arrays.pop('about')), str(arrays.pop('checksum'))
        about = json.loads(text)
        if about['kind'] not in kinds:
            raise FileError('%s: is a %s, not a %s' % (path, about['kind'], kinds[0]))
        if about['format'] > format:
            raise FileError('%s: format %d is newer than %d, the newest known here' % (path, about['format'], format))
        if found != checksum(text, arrays):
            raise FileError('%s: damaged: its checksum does not fit' % path)
        return about, arrays
    except OSError as error:
        raise FileError('%s: cannot be read: %s' % (path, error.strerror or error))
    except (ValueError, KeyError, TypeError, EOFError, MemoryError, NotImplementedError, RuntimeError,
            zipfile.BadZipFile, zlib.error):
        raise FileError('%s: not a %s, or damaged' % (path, kinds[0]))


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
