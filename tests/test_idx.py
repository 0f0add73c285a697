"""The reader of IDX files: what was written is read, whatever is damaged is a line that names the file, at once."""
import gzip
import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

from conftest import amount
from damage import bomb, parse, unpack
from datasets import idx
from helpers_data import idx_bytes


@pytest.mark.parametrize('pack', [False, True])
@pytest.mark.parametrize('shape', [(5,), (4, 3), (2, 3, 4), (2, 3, 4, 5)])
@pytest.mark.parametrize('dtype', ['uint8', 'int32'])
def test_reads_what_was_written(tmp_path, shape, dtype, pack):
    array = np.random.RandomState(0).randint(*(256,) if dtype == 'uint8' else (-2**31, 2**31), size=shape).astype(dtype)
    path = tmp_path / ('file.gz' if pack else 'file')
    path.write_bytes(gzip.compress(idx_bytes(array), mtime=0) if pack else idx_bytes(array))
    found = idx.read_idx(str(path))
    assert np.array_equal(found, array) and found.dtype == dtype
    assert idx.read_idx(str(path), header_only=True) == shape


GOOD = idx_bytes(np.arange(24, dtype='uint8').reshape(2, 3, 4))
PACKED = gzip.compress(GOOD, mtime=0)


@pytest.mark.parametrize('content, packed, words', [
    (b'', False, 'not an IDX file'),
    (b'<html><body>404 Not Found</body></html>', False, 'not an IDX file'),
    (b'<html><body>404 Not Found</body></html>', True, 'gzip'),
    (b'', True, 'ended before'),
    (b'\0\0\x0d\x03' + GOOD[4:], False, 'type 0x0d'),
    (b'\0\0\x08\x00' + GOOD[4:], False, '0 dimensions'),
    (b'\0\0\x08\xff' + GOOD[4:], False, '255 dimensions'),
    (GOOD[:9], False, 'ends within its header'),
    (GOOD[:-1], False, 'header says 24 bytes, but only 23 follow'),
    (GOOD + b'\0', False, 'header says 24 bytes, but more follow'),
    (gzip.compress(GOOD + b'\0', mtime=0), True, 'more follow'),
    (gzip.compress(GOOD + bytes(10**8), mtime=0), True, 'more follow'),
    (b'\0\0\x08\x03' + b'\xff' * 12 + b'1', False, 'must be 1 to'),
    (b'\0\0\x08\x03' + struct.pack('>3I', 0, 28, 28), False, 'must be 1 to'),
    (b'\0\0\x08\x03' + struct.pack('>3I', 2**21, 28, 28) + b'1', False, 'not believed of a file of 17'),
    (PACKED[:-9], True, 'ended before'),
    (PACKED[:20] + bytes([PACKED[20] ^ 255]) + PACKED[21:], True, ''),
    (PACKED[:-8] + bytes(4) + PACKED[-4:], True, 'data check'),
    (PACKED[:-4] + bytes(4), True, 'length check'),
    (PACKED + b'trailing', True, 'gzip'),
    (PACKED + bytes(8), True, 'gzip'),
    (PACKED + PACKED, True, 'more follow'),
    (PACKED + PACKED[:9], True, 'ended before'),
    (gzip.compress(b'\0\0\x08\x01' + struct.pack('>I', 2**30) + bytes(10**6), mtime=0), True, 'not believed'),
])
def test_a_broken_file_is_named_in_one_line(tmp_path, content, packed, words):
    path = tmp_path / ('file.gz' if packed else 'file')
    path.write_bytes(content)
    with pytest.raises(idx.DataError) as error:
        idx.read_idx(str(path))
    assert str(error.value).startswith('%s: ' % path) and words in str(error.value) and '\n' not in str(error.value)


def test_a_gzip_file_may_have_several_members(tmp_path):
    """RFC 1952: what they hold, one after another."""
    path = tmp_path / 'file.gz'
    path.write_bytes(b''.join(gzip.compress(GOOD[n:n + 7], mtime=0) for n in range(0, len(GOOD), 7)))
    assert np.array_equal(idx.read_idx(str(path)).ravel(), np.arange(24))


def test_every_truncation_is_refused(tmp_path):
    for content, name in ((GOOD, 'file'), (PACKED, 'file.gz')):
        for size in range(len(content)):
            (tmp_path / name).write_bytes(content[:size])
            with pytest.raises(idx.DataError):
                idx.read_idx(str(tmp_path / name))


def test_folder_and_missing_file_are_named(tmp_path):
    for path in (tmp_path, tmp_path / 'missing'):
        with pytest.raises(idx.DataError, match=str(path)):
            idx.read_idx(str(path))


def test_damaged_files_are_refused_at_once_without_much_memory(tmp_path):
    """The reader has a process to itself, so that its memory can be told. See damage.py, which judges by itself."""
    count, bomb = amount((1000, 2**27), (10000, 2**33))
    script = os.path.join(os.path.dirname(__file__), 'damage.py')
    run = subprocess.run([sys.executable, script, str(tmp_path), str(count), '1', str(bomb)], stdout=subprocess.PIPE,
                         check=True)
    seen = json.loads(run.stdout.decode())
    assert seen['number of bad'] == 0, seen['bad']
    assert seen['damaged'] == count and len(seen['kinds']) == 16 and seen['right'] > 0
    assert seen['slowest'] < 2 and seen['megabytes'] < 200, seen


def test_the_judge_itself():
    content = idx_bytes(np.arange(24, dtype='uint8').reshape(2, 3, 4))
    assert parse(content) == ((2, 3, 4), bytes(range(24))) and parse(content + b'0') is parse(content[:-1]) is None
    for level in range(10):
        packed = gzip.compress(content, level)
        assert unpack(packed) == content and unpack(packed + packed) == content + content
        assert all(unpack(damaged) is None for damaged in (packed[:-1], packed + b'\0', packed[:-8] + bytes(8), b''))
    assert unpack(bomb(content, 2**22)) == gzip.decompress(bomb(content, 2**22)) == content + bytes(2**22)


@pytest.mark.parametrize('change', ['a pixel', 'longer', 'shorter'])
def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch, change):
    """Somebody writes to the file between its header and its pixels."""
    path = str(tmp_path / 'file')
    with open(path, 'wb') as file:
        file.write(GOOD)
    os.utime(path, (1, 1))                              # not just written: clocks of file systems tick slowly

    class Math:
        @staticmethod
        def prod(shape):
            with open(path, 'r+b') as file:
                if change == 'a pixel':
                    file.seek(20)
                    file.write(b'!')
                else:
                    file.truncate(os.path.getsize(path) + (1 if change == 'longer' else -1))
            return int(np.prod(shape))
    monkeypatch.setattr(idx, 'math', Math)
    with pytest.raises(idx.DataError) as error:
        idx.read_idx(path)
    assert str(error.value).startswith(path + ': ')
