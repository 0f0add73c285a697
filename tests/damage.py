"""Damaged IDX files by the thousand, and what the reader makes of them.

    python tests/damage.py FOLDER COUNT SEED BOMB       prints what was seen, as JSON

FOLDER is for the files, BOMB the bytes that the gzip bombs unpack to.
"""
import collections
import gzip
import hashlib
import json
import os
import random
import resource
import struct
import sys
import time
import zlib

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from datasets import idx
from helpers_data import idx_bytes

ABSURD = [0, 1, 2, 255, 2**16, 2**24 + 1, 2**31 - 1, 2**31, 2**32 - 1]          # sizes for headers
PAGE = b'<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n'


# ---- what is right, told without the reader

def parse(content):
    """(shape, bytes) of an IDX file of unsigned bytes or 32-bit integers; None if content is no such file."""
    if len(content) < 4 or content[:3] not in (b'\0\0\x08', b'\0\0\x0c') or not 1 <= content[3] <= 4:
        return None
    start, size = 4 + 4 * content[3], 1 if content[2] == 8 else 4
    shape = tuple(int.from_bytes(content[n:n + 4], 'big') for n in range(4, start, 4))
    for n in shape:
        size *= n
    return (shape, content[start:]) if size > 0 and len(content) == start + size else None


def bytes_of(array):
    """The values of an array as an IDX file has them."""
    return array.tobytes() if array.dtype == 'uint8' else array.astype('>i4').tobytes()


def unpack(packed):
    """What a gzip file holds, member by member as RFC 1952 describes it; None if it is damaged in a way that shows."""
    found = b''
    while True:
        if len(packed) < 10 or packed[:3] != b'\x1f\x8b\x08' or packed[3] & 0xe0:
            return None
        flags, at = packed[3], 10
        if flags & 4:                                   # extra field
            at += 2 + int.from_bytes(packed[10:12], 'little')
        for flag in (8, 16):                            # name, comment
            if flags & flag:
                at = packed.find(b'\0', at) + 1
                if at == 0:
                    return None
        if flags & 2:                                   # checksum of the header
            if packed[at:at + 2] != struct.pack('<H', zlib.crc32(packed[:at]) & 0xffff):
                return None
            at += 2
        raw = zlib.decompressobj(-15)
        try:
            content = raw.decompress(packed[at:])
        except zlib.error:
            return None
        if not raw.eof or raw.unused_data[:8] != struct.pack('<2I', zlib.crc32(content), len(content) % 2**32):
            return None
        found, packed = found + content, raw.unused_data[8:]
        if not packed:
            return found


# ---- damage

def replaced(data, start, stop, by):
    return data[:start] + by + data[stop:]


def damage_content(rng, kind, content):
    """Damage to the bytes of an IDX file, before they are packed."""
    if kind == 'magic':
        at = rng.randrange(4)
        return replaced(content, at, at + 1, bytes([rng.randrange(256)]))
    if kind == 'header':
        at = 4 + 4 * rng.randrange(content[3])
        return replaced(content, at, at + 4, struct.pack('>I', rng.choice(ABSURD + [rng.randrange(2**32)])))
    if kind == 'page':
        return PAGE
    return content


def damage_file(rng, kind, data):
    """Damage to the bytes of a file, packed or not."""
    if kind == 'truncated':
        return data[:rng.randrange(len(data))]
    if kind == 'flipped':
        flipped = bytearray(data)
        for _ in range(rng.choice([1, 1, 1, 2, 8])):
            flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(flipped)
    if kind == 'cut':
        start = rng.randrange(len(data))
        return replaced(data, start, start + 1 + rng.randrange(64), b'')
    if kind == 'zeroed':
        start, size = rng.randrange(len(data)), 1 + rng.randrange(64)
        return replaced(data, start, start + size, bytes(min(size, len(data) - start)))
    if kind == 'trailing':
        return data + rng.choice([b'\0', b'\n', bytes(512), data, PAGE, bytes([rng.randrange(256)])])
    return data


KINDS = ['magic', 'header', 'page', 'truncated', 'flipped', 'cut', 'zeroed', 'trailing']


def draw(rng):
    """(kind, packed, bytes of a file, hash asked for or None, (shape, bytes) if the file is right after all)."""
    shape = rng.choice([(50,), (20, 7, 5), (6, 3, 4, 4), (1,), (200, 12, 10)])
    array = np.random.RandomState(rng.randrange(2**32)).randint(256, size=shape).astype(rng.choice(['uint8', 'int32']))
    content, kind, packed = idx_bytes(array), rng.choice(KINDS), rng.random() < 0.6
    sha256 = hashlib.sha256(content).hexdigest() if rng.random() < 0.5 else None
    data = damage_content(rng, kind, content)
    if packed:
        data = gzip.compress(data, rng.choice([0, 1, 9]), mtime=rng.randrange(2**31))
    data = damage_file(rng, kind, data)
    held = unpack(data) if packed else data
    right = None if held is None or sha256 and hashlib.sha256(held).hexdigest() != sha256 else parse(held)
    return kind, packed, data, sha256, right


def bomb(header, size):
    """A gzip file of a header and size zeros: one packed block, over and over."""
    packer, block, count = zlib.compressobj(9, zlib.DEFLATED, -15), bytes(2**20), size // 2**20
    start = packer.compress(header) + packer.flush(zlib.Z_FULL_FLUSH)
    zeros = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = zlib.crc32(header)
    for _ in range(count):
        crc = zlib.crc32(block, crc)
    return b'\x1f\x8b\x08' + bytes(7) + start + count * zeros + packer.flush() + struct.pack(
        '<2I', crc, (len(header) + count * 2**20) % 2**32)


def bombs(size):
    """gzip files that unpack to size bytes: behind a small header, an honest one, an absurd one, none; and others."""
    yield bomb(b'\0\0\x08\x03' + struct.pack('>3I', 60000, 28, 28), size)
    yield bomb(b'\0\0\x08\x01' + struct.pack('>I', min(size, 2**31)), size)
    yield bomb(b'\0\0\x08\x04' + b'\xff' * 16, size)
    yield bomb(b'', size)
    yield b'\x1f\x8b\x08\x08' + bytes(6) + b'x' * 2**23         # a name without end
    yield gzip.compress(b'') * 10000                            # members of nothing


def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def look(folder, count, seed, bomb):
    """Reads count damaged files, and bombs; returns what was seen, examples of what should not be."""
    rng, kinds, bad, slowest = random.Random(seed), collections.Counter(), [], 0
    right_ones, before = 0, megabytes()

    def read(packed, data, sha256, right, words):
        nonlocal slowest
        path = os.path.join(folder, 'file.gz' if packed else 'file')
        with open(path, 'wb') as file:
            file.write(data)
        start = time.perf_counter()
        try:
            array = idx.read_idx(path, sha256)
            if right is None or (array.shape, bytes_of(array)) != right:
                bad.append('accepted: %s' % words)
        except idx.DataError as error:
            line = str(error)
            if right is not None or not line.startswith(path + ': ') or '\n' in line or len(line) > 500:
                bad.append('%s: %s' % (words, line))
        except Exception as error:
            bad.append('%s: %r' % (words, error))
        slowest = max(slowest, time.perf_counter() - start)

    for data in bombs(bomb):
        read(True, data, None, None, 'bomb of %d bytes, %s...' % (len(data), data[:20]))
    while sum(kinds.values()) < count:
        kind, packed, data, sha256, right = draw(rng)
        read(packed, data, sha256, right, '%s %s%s' % (kind, data[:80], '...' if len(data) > 80 else ''))
        if right is None:
            kinds[kind + (' (packed)' if packed else '')] += 1
        else:
            right_ones += 1                             # no damage that shows: it is accepted as what it is
    return {'damaged': sum(kinds.values()), 'kinds': kinds, 'right': right_ones, 'bad': bad[:10],
            'number of bad': len(bad), 'slowest': slowest, 'megabytes': megabytes() - before}


if __name__ == '__main__':
    print(json.dumps(look(sys.argv[1], *map(int, sys.argv[2:]))))
