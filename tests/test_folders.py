"""Files found in a folder; whatever is wrong with one is a line that names it, at once."""
import os
import pathlib
import signal
import socket
import tempfile

import numpy as np
import pytest

from conftest import amount, run_script
from datasets import idx
from helpers_data import NAMES, arrays, idx_bytes, write_folder
import mnist

NAME = 'train-images-idx3-ubyte'
EMNIST = ['emnist-%s-train-images-idx%%d-ubyte', 'emnist-%s-train-labels-idx%%d-ubyte',
          'emnist-%s-test-images-idx%%d-ubyte', 'emnist-%s-test-labels-idx%%d-ubyte']
QMNIST = ['qmnist-train-images-idx%d-ubyte', 'qmnist-train-labels-idx%d-int', 'qmnist-test-images-idx%d-ubyte',
          'qmnist-test-labels-idx%d-int']


# ---- published names

@pytest.mark.parametrize('pack', [False, True])
@pytest.mark.parametrize('names', [NAMES, [name.replace('-idx', '.idx') for name in NAMES], QMNIST])
def test_published_names_are_found(tmp_path, names, pack):
    """Of QMNIST's labels, the first column is the class; others are of the writer, and go beyond a byte."""
    X, t, XT, tT = arrays()
    columns = [np.column_stack([labels, labels.astype('int32') + 100000]) for labels in (t, tT)]
    files = (X, columns[0], XT, columns[1]) if names is QMNIST else (X, t, XT, tT)
    data = mnist.load(write_folder(tmp_path, *files, pack=pack, names=names), NL=50)
    assert data.tL.tolist() == t[:50].tolist() and data.tT.tolist() == tT.tolist() and data.K == 3
    np.testing.assert_allclose(data.XT[:, 0], XT / 255, atol=1e-6)


def test_images_of_emnist_are_set_upright_and_one_of_its_sets_is_named(tmp_path):
    """Published transposed, six sets in one folder."""
    X, t, XT, tT = arrays((5, 7))
    for kind in ('letters', 'digits'):
        names = [name % kind for name in EMNIST]
        write_folder(tmp_path, X.transpose(0, 2, 1), t, XT.transpose(0, 2, 1), tT, names=names)
    for name in ('emnist-letters', 'emnist-digits'):
        path = str(tmp_path / name)
        data = mnist.load(path, NL=50)
        assert mnist.is_data(path) and mnist.image_size(path) == (1, 5, 7) and data.source == path
        np.testing.assert_allclose(data.XT[:, 0], XT / 255, atol=1e-6)
    with pytest.raises(mnist.DataError, match='holds 2 data sets: must be one, such as .*/emnist-letters$'):
        mnist.load(tmp_path, NL=50)
    assert not mnist.is_data(str(tmp_path / 'emnist-balanced')) and mnist.is_data(str(tmp_path))
    os.remove(str(tmp_path / (EMNIST[3] % 'letters' % 1)))
    with pytest.raises(mnist.DataError, match='has no emnist-letters-test-labels-idx'):
        mnist.load(tmp_path / 'emnist-letters', NL=50)


@pytest.mark.parametrize('beside', [True, False])
def test_folders_named_as_the_files_in_them(tmp_path, beside):
    """Kaggle's copies of MNIST: each file in a folder of its own name, and beside it with a dot in its name."""
    files = arrays()
    for name, array in zip(NAMES, files):
        name = name % array.ndim
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(b'' if beside else idx_bytes(array))       # what lies beside comes first
    if beside:
        write_folder(tmp_path, *files, names=[name.replace('-idx', '.idx') for name in NAMES])
    assert mnist.load(tmp_path, NL=50).tL.tolist() == files[1][:50].tolist()


# ---- what is no right file


@pytest.fixture
def folder(tmp_path):
    """A right data set of unpacked files, to be spoilt. Whatever hangs is stopped after 5 s."""
    def stop(*_):
        raise AssertionError('hangs')
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(5)
    yield write_folder(tmp_path, *arrays())
    signal.alarm(0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def refusal(folder, **options):
    with pytest.raises(mnist.DataError) as error:
        mnist.load(folder, NL=50, **options)
    assert '\n' not in str(error.value)
    return str(error.value)


def unix_socket(path):
    here = os.getcwd()
    os.chdir(os.path.dirname(path))                     # a socket's path must be short
    socket.socket(socket.AF_UNIX).bind(os.path.basename(path))
    os.chdir(here)


@pytest.mark.parametrize('make, words', [
    (os.mkfifo, 'not a regular file'),
    (lambda path: os.symlink('/dev/zero', path), 'not a regular file'),
    (lambda path: os.symlink('/dev/stdin', path), ''),
    (unix_socket, ''),
    (os.mkdir, 'Is a directory'),
    (lambda path: os.symlink(path, path), 'symbolic link'),
    (lambda path: os.symlink('nowhere', path), 'No such file'),
    (lambda path: os.symlink('/proc/self/status', path), 'not an IDX file'),
])
def test_what_is_no_file_is_named_and_does_not_hang(folder, make, words):
    path = os.path.join(folder, NAME)
    os.remove(path)
    make(path)
    line = refusal(folder)
    assert line.startswith(path + ': ') and words in line


def as_nobody(function, *arguments):
    """What function returns in a process without a superuser's rights."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            os.write(writing, function(*arguments).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        found = file.read()
    os.waitpid(pid, 0)
    return found


def test_no_permission_is_named():
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        folder = os.path.join(top, 'data')
        os.mkdir(folder, 0o755)
        write_folder(pathlib.Path(folder), *arrays())
        path = os.path.join(folder, NAME)
        os.chmod(path, 0)
        assert as_nobody(refusal, folder) == path + ': Permission denied'
        os.chmod(path, 0o644)
        assert as_nobody(lambda: mnist.load(folder, NL=50).source) == folder            # nothing else was in the way
        os.chmod(folder, 0)
        assert as_nobody(refusal, folder) == folder + ': Permission denied'
        os.chmod(folder, 0o755)


def test_counts_that_differ_are_seen_before_gigabytes_are_read(folder, monkeypatch):
    """The headers tell: no body is read."""
    with open(os.path.join(folder, 'train-labels-idx1-ubyte'), 'wb') as file:
        file.write(b'\0\0\x08\x01\0\x10\0\0')
        file.truncate(8 + 2**20)
    monkeypatch.setattr(idx, 'bytearray', None, raising=False)
    assert '60 train images, but 1048576 labels' in refusal(folder)


@pytest.mark.parametrize('make', [
    lambda path: open(path, 'wb').write(idx_bytes(np.arange(60, dtype='uint8') % 3)),         # the labels' bytes
    lambda path: open(path, 'wb').write(idx_bytes(np.zeros((60, 1, 1, 2), 'uint8'))),
    lambda path: open(path, 'wb').write(idx_bytes(np.zeros((60, 5, 8), 'uint8'))),
])
def test_right_files_in_wrong_places_are_refused(folder, make):
    make(os.path.join(folder, NAME))
    assert folder in refusal(folder)


def test_names_with_line_feeds_stay_one_line(folder):
    odd = os.path.join(folder, 'a\nb \x1b[31m')
    os.mkdir(odd)
    assert '\\n' in refusal(odd) and '\x1b' not in refusal(odd)


@pytest.mark.parametrize('spoil', ['page', 'fifo'] + amount([], ['truncated', 'loop', 'empty', 'folder', 'bomb']))
def test_the_script_says_it_in_one_line(folder, spoil):
    path = os.path.join(folder, NAME)
    with open(path, 'rb') as file:
        content = file.read()
    os.remove(path)
    if spoil == 'fifo':
        os.mkfifo(path)
    elif spoil == 'loop':
        os.symlink(path, path)
    elif spoil == 'folder':
        os.mkdir(path)
    else:
        with open(path, 'wb') as file:
            file.write({'page': b'<html>', 'truncated': content[:-1], 'empty': b'',
                        'bomb': b'\0\0\x08\x03' + b'\x7f\xff\xff\xff\0\0\0\1\0\0\0\1'}[spoil])
    signal.alarm(60)                                    # Theano is imported first
    run = run_script('data=' + folder, 'NL=50', 'batchsize=50')
    assert run.returncode == 2 and run.stdout == ''
    assert run.stderr.startswith(path + ': ') and run.stderr.count('\n') == 1
