"""Files of arrays with a checksum: what comes back, and how damaged and foreign ones are refused."""
import io
import json
import zipfile

import numpy as np
import pytest

from conftest import amount
from datasets.files import FileError
from run import archive

ABOUT = {'eta': 0.5, 'layers': [{'class': 'nnet.FullLayer', 'arguments': {'D': 3}}], 'text': 'é\n"'}
ARRAYS = {'W0': np.arange(60, dtype='float32').reshape(5, 4, 3), 'mean': np.full((2, 3), 0.25),
          'keys': np.arange(99, dtype='uint32')}


def same(found, arrays):
    return found.keys() == arrays.keys() and all(
        np.array_equal(found[name], A) and found[name].dtype == A.dtype for name, A in arrays.items())


def test_what_is_written_is_read(tmp_path):
    path = str(tmp_path / 'a.npz')
    archive.write(path, 'saved net', 2, ABOUT, ARRAYS)
    about, arrays = archive.read(path, ('checkpoint', 'saved net'), 2)
    assert about == dict(ABOUT, kind='saved net', format=2, versions=archive.versions())
    assert same(arrays, ARRAYS)
    with np.load(path, allow_pickle=False) as file:                 # a plain .npz file
        assert np.array_equal(file['W0'], ARRAYS['W0'])


def test_damage_is_seen_wherever_it_is(tmp_path):
    path = str(tmp_path / 'a.npz')
    archive.write(path, 'saved net', 2, ABOUT, ARRAYS)
    about, _ = archive.read(path, ('saved net',), 2)
    with open(path, 'rb') as file:
        whole = file.read()
    rng, seen = np.random.RandomState(0), 0
    for k in range(amount(300, 3000)):
        damaged = bytearray(whole)
        if k % 2:
            del damaged[rng.randint(len(whole)):]
        else:
            damaged[rng.randint(len(whole))] ^= 1 << rng.randint(8)
        with open(path, 'wb') as file:
            file.write(damaged)
        try:
            there, arrays = archive.read(path, ('saved net',), 2)
        except FileError as error:
            assert str(error).startswith(path + ': ') and '\n' not in str(error)
            seen += 1
        else:                              # a bit that means nothing, such as the date in the archive's directory
            assert there == about and same(arrays, ARRAYS)
    assert seen > amount(300, 3000) / 2


@pytest.mark.parametrize('content, text', [
    (b'', 'not a saved net, or damaged'), (b'<html>', 'not a saved net, or damaged'),
    ('pickle', 'not a saved net, or damaged'), ('huge', 'not a saved net, or damaged'),
    ('newer', 'format 99 is newer than 2, the newest known here'), ('checkpoint', 'is a checkpoint, not a saved net'),
    (None, 'cannot be read: No such file or directory'), ('folder', 'cannot be read: Is a directory'),
])
def test_foreign_files_are_refused(tmp_path, content, text):
    path = str(tmp_path / 'net.npz')
    if content == 'pickle':
        np.savez(path, about=np.array([{'kind': 'saved net'}], dtype=object), checksum='')
    elif content == 'huge':                # 4 TB, says its header
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(head, {'descr': '<f4', 'fortran_order': False, 'shape': (10**12,)})
        with zipfile.ZipFile(path, 'w') as file:
            file.writestr('about.npy', head.getvalue())
    elif content == 'newer':
        about = json.dumps({'kind': 'saved net', 'format': 99})
        np.savez(path, about=about, checksum=archive.checksum(about, {}))
    elif content == 'checkpoint':
        archive.write(path, 'checkpoint', 2, {}, {})
    elif content == 'folder':
        (tmp_path / 'net.npz').mkdir()
    elif content is not None:
        with open(path, 'wb') as file:
            file.write(content)
    with pytest.raises(FileError) as error:
        archive.read(path, ('saved net',), 2)
    assert str(error.value) == '%s: %s' % (path, text) and error.value.status == 1
