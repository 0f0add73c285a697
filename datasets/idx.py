"""IDX files, packed or not, read with distrust: whatever is wrong with one is a DataError that names it."""
import hashlib
import math
import os
import stat
import struct
import zlib

import numpy as np

from datasets.files import one_line

LARGEST = 2**31                                 # bytes in a file, unpacked
DTYPES = {0x08: np.dtype('uint8'), 0x0c: np.dtype('>i4')}


class DataError(ValueError):
    """Data that is not there or not right: one line that names the file, or the array, and what is wrong."""
    status = 2

    def __init__(self, line):
        super().__init__(one_line(line))


def read_idx(path, sha256=None, header_only=False):
    """The array in an IDX file, uint8 or int32, packed (.gz) or not; its shape if header_only. Raises DataError.

    With sha256, the unpacked bytes must have this hash. Memory is taken for bytes that are there, not for
    those the header promises.
    """
    try:
        with open(path, 'rb', opener=without_waiting) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise DataError('%s: not a regular file' % path)
            packed = str(path).endswith('.gz')
            content = Unpacked(file) if packed else file
            head = content.read(4)
            if len(head) < 4 or head[:2] != b'\0\0':
                raise DataError('%s: not an IDX file: it begins with %r' % (path, head))
            if head[2] not in DTYPES or not 1 <= head[3] <= 4:
                raise DataError('%s: IDX of type 0x%02x with %d dimensions: must be 0x08 (unsigned bytes) or 0x0c '
                                '(32-bit integers) with 1 to 4' % (path, head[2], head[3]))
            dtype = DTYPES[head[2]]
            dims = content.read(4 * head[3])
            if len(dims) < 4 * head[3]:
                raise DataError('%s: ends within its header' % path)
            shape = struct.unpack('>%dI' % head[3], dims)
            size = math.prod(shape) * dtype.itemsize
            if not 1 <= size <= LARGEST:
                raise DataError('%s: header says %s: must be 1 to %d bytes'
                                % (path, ' x '.join(map(str, shape)), LARGEST))
            # Digits pack to a fifth, labels to half; what would unpack to gigabytes from little is a bomb.
            most = max(2**26, 16 * before.st_size) if packed else before.st_size
            if size > most:
                raise DataError('%s: header says %d bytes: not believed of a file of %d' % (path, size, before.st_size))
            if header_only:
                return shape
            body = bytearray()
            while len(body) <= size:
                chunk = content.read(min(1 << 20, size + 1 - len(body)))   # one more than promised, if there
                if not chunk:
                    break
                body += chunk
            after = os.fstat(file.fileno())
    except (OSError, EOFError) as error:
        raise DataError('%s: %s' % (path, getattr(error, 'strerror', None) or str(error) or type(error).__name__))
    except zlib.error as error:
        raise DataError('%s: not a whole gzip file: %s' % (path, error))
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DataError('%s: changed while it was read' % path)
    if len(body) != size:
        raise DataError('%s: header says %d bytes, but %s' % (
            path, size, 'more follow' if len(body) > size else 'only %d follow' % len(body)))
    if sha256 is not None:
        hashed = hashlib.sha256(head + dims)
        hashed.update(body)
        found = hashed.hexdigest()
        if found != sha256:
            raise DataError('%s: not the MNIST file: SHA-256 is %s, must be %s' % (path, found, sha256))
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder('='), copy=False)


def without_waiting(path, flags):
    """For open(): a FIFO, which would keep it waiting for a writer, is opened at once, to be refused."""
    return os.open(path, flags | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0))


class Unpacked:
    """What a gzip file holds: its members one after another, as RFC 1952 has them, and nothing else.

    gzip.open() would overlook zeros after the last member and damage to a header that has a checksum.
    """

    def __init__(self, file):
        self.file, self.member, self.packed = file, zlib.decompressobj(31), b''

    def read(self, size):
        """At most size bytes, fewer only at the end; EOFError or zlib.error where the file is damaged."""
        found = b''
        while len(found) < size:
            self.packed = self.packed or self.file.read(1 << 16)
            if self.member.eof:
                if not self.packed:
                    break
                self.member = zlib.decompressobj(31)
            chunk = self.member.decompress(self.packed, size - len(found))
            if not chunk and not self.packed and not self.member.eof:
                raise EOFError('ended before its gzip data did')
            self.packed = self.member.unused_data or self.member.unconsumed_tail
            found += chunk
        return found
