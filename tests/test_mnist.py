import gzip
import http.server
import os
import socket
import struct
import threading
import time

import numpy as np
import pytest

import mnist


def idx(array):
    """The bytes of an IDX file of an array of unsigned bytes."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack('>%dI' % array.ndim, *array.shape) + array.tobytes()


def write_folder(folder, X, t, XT, tT, pack=False, dot=False):
    for name, array in zip(('train-images', 'train-labels', 't10k-images', 't10k-labels'), (X, t, XT, tT)):
        path = folder / ('%s%sidx%d-ubyte%s' % (name, '.' if dot else '-', array.ndim, '.gz' if pack else ''))
        path.write_bytes(gzip.compress(idx(array), mtime=0) if pack else idx(array))
    return str(folder)


def arrays(shape=(5, 7), K=3, NL=60, NT=12, seed=0):
    rng = np.random.RandomState(seed)
    draw = [rng.randint(256, size=(n,) + shape).astype('uint8') for n in (NL, NT)]
    labels = [(np.arange(n) % K).astype('uint8') for n in (NL, NT)]
    return draw[0], labels[0], draw[1], labels[1]


# ---- IDX files

@pytest.mark.parametrize('pack', [False, True])
@pytest.mark.parametrize('shape', [(5,), (4, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_reads_what_was_written(tmp_path, shape, pack):
    array = np.random.RandomState(0).randint(256, size=shape).astype('uint8')
    path = tmp_path / ('file.gz' if pack else 'file')
    path.write_bytes(gzip.compress(idx(array), mtime=0) if pack else idx(array))
    assert np.array_equal(mnist.read_idx(str(path)), array)
    assert mnist.read_idx(str(path), header_only=True) == shape


GOOD = idx(np.arange(24, dtype='uint8').reshape(2, 3, 4))
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
    with pytest.raises(mnist.DataError) as error:
        mnist.read_idx(str(path))
    assert str(error.value).startswith('%s: ' % path) and words in str(error.value) and '\n' not in str(error.value)


def test_a_gzip_file_may_have_several_members(tmp_path):
    """RFC 1952: what they hold, one after another."""
    path = tmp_path / 'file.gz'
    path.write_bytes(b''.join(gzip.compress(GOOD[n:n + 7], mtime=0) for n in range(0, len(GOOD), 7)))
    assert np.array_equal(mnist.read_idx(str(path)).ravel(), np.arange(24))


def test_every_truncation_is_refused(tmp_path):
    for content, name in ((GOOD, 'file'), (PACKED, 'file.gz')):
        for size in range(len(content)):
            (tmp_path / name).write_bytes(content[:size])
            with pytest.raises(mnist.DataError):
                mnist.read_idx(str(tmp_path / name))


def test_folder_and_missing_file_are_named(tmp_path):
    for path in (tmp_path, tmp_path / 'missing'):
        with pytest.raises(mnist.DataError, match=str(path)):
            mnist.read_idx(str(path))


# ---- folders

@pytest.mark.parametrize('pack, dot', [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize('shape, Xnch', [((5, 7), 1), ((3, 5, 7), 3)])
def test_a_folder_of_any_size_is_read_split_and_scaled(tmp_path, shape, Xnch, pack, dot):
    X, t, XT, tT = arrays(shape)
    folder = write_folder(tmp_path, X, t, XT, tT, pack, dot)
    data = mnist.load(folder, NL=40)
    assert (data.Xnch, data.Xrow, data.Xcol, data.K, data.source) == (Xnch, 5, 7, 3, folder)
    assert mnist.image_size(folder) == (Xnch, 5, 7)
    assert (len(data.tL), len(data.tV), len(data.tT)) == (40, 10, 12)
    mean = X[:40].reshape(40, Xnch, 5, 7).mean(0) / 255
    for found, expected in ((data.XL, X[:40]), (data.XV, X[50:]), (data.XT, XT)):
        assert found.dtype == 'float32'
        np.testing.assert_allclose(found, expected.reshape(-1, Xnch, 5, 7) / 255 - mean, atol=1e-6)
    assert np.array_equal(data.tL, t[:40]) and np.array_equal(data.tV, t[50:]) and np.array_equal(data.tT, tT)


@pytest.mark.parametrize('change, words', [
    (lambda X, t, XT, tT: (X, t[:-1], XT, tT), '60 train images, but 59 labels'),
    (lambda X, t, XT, tT: (X, t, XT, tT[:-1]), '12 t10k images, but 11 labels'),
    (lambda X, t, XT, tT: (X, t, XT[:, :4], tT), 'train images are (1, 5, 7), t10k images (1, 4, 7)'),
    (lambda X, t, XT, tT: (X, t, XT, tT + 1), 'labels 0 to 2 to train, 1 to 3 to test'),
    (lambda X, t, XT, tT: (X, t * 0 + 7, XT, tT * 0), 'labels 7 to 7 to train, 0 to 0 to test: must be two classes'),
    (lambda X, t, XT, tT: (X[:5], t[:5], XT, tT), '5 train images: must be at least 6'),
    (lambda X, t, XT, tT: (X[:, 0, 0], t, XT, tT), 'train images have 1 dimensions'),
    (lambda X, t, XT, tT: (X[:50], t[:50], XT, tT), 'NL = 50: '),
])
def test_files_that_do_not_fit_together_are_refused(tmp_path, change, words):
    folder = write_folder(tmp_path, *change(*arrays()))
    with pytest.raises(mnist.DataError) as error:
        mnist.load(folder, NL=50)
    assert words in str(error.value) and folder in str(error.value) and '\n' not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    folder = write_folder(tmp_path, *arrays())
    os.remove(os.path.join(folder, 't10k-labels-idx1-ubyte'))
    with pytest.raises(mnist.DataError, match='has no t10k-labels'):
        mnist.load(folder)


# ---- MNIST: folder, cache, mirrors

NAMES = list(mnist.MNIST)


class Mirror(http.server.BaseHTTPRequestHandler):
    """Answers as its path says: /404/..., /html/..., /good/..., and so on."""
    protocol_version = 'HTTP/1.0'
    requests = []

    def do_GET(self):
        self.requests.append(self.path)
        kind, name = self.path.strip('/').split('/')
        body = self.server.files[name]
        if kind in ('404', '500'):
            return self.send_error(int(kind))
        if kind == 'silent':
            return time.sleep(3)
        if kind == 'html':
            body = b'<html>moved</html>'
        if kind == 'wrong':
            body = gzip.compress(idx(np.zeros((3, 2, 2), 'uint8')))
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if kind == 'truncated':
            body = body[:len(body) // 2]
        if kind == 'dripping':
            for n in range(300):
                self.wfile.write(body[n:n + 1])
                time.sleep(0.1)
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirrors(tmp_path, monkeypatch):
    """A local server of a small data set that passes for MNIST; no MNIST anywhere else."""
    import hashlib
    contents = [idx(array) for array in arrays((28, 28), K=10)]
    monkeypatch.setattr(http.server.ThreadingHTTPServer, 'request_queue_size', 64)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Mirror)
    server.daemon_threads = True
    server.files = {name + '.gz': gzip.compress(content, mtime=0) for name, content in zip(NAMES, contents)}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(mnist, 'MNIST', {n: hashlib.sha256(c).hexdigest() for n, c in zip(NAMES, contents)})
    monkeypatch.setattr(mnist, 'TIMEOUT', (1, 2))
    monkeypatch.delenv('MNIST_DIR', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    Mirror.requests.clear()

    def use(*kinds):
        monkeypatch.setattr(mnist, 'MIRRORS', ['http://127.0.0.1:%d/%s/' % (server.server_port, k) for k in kinds])
        return server
    yield use
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize('kind, words', [
    ('404', '404'), ('500', '500'), ('html', 'gzip'), ('truncated', 'ended after'), ('wrong', 'not the MNIST file'),
    ('silent', ''), ('dripping', 'not finished after 2 s'),
])
def test_a_mirror_that_fails_is_named_and_the_next_one_asked(mirrors, capsys, kind, words):
    mirrors(kind)
    start = time.monotonic()
    with pytest.raises(mnist.NotThere) as error:
        mnist.load('mnist', NL=50)
    assert time.monotonic() - start < 10                # dripping goes on for 30 s
    line = str(error.value)
    assert '/%s/' % kind in line and words in line and '\n' not in line
    assert not os.listdir(mnist.cache_folder()) if os.path.isdir(mnist.cache_folder()) else True

    mirrors(kind, 'good')
    data = mnist.load('mnist', NL=50)
    assert data.source == 'MNIST' and data.XL.shape == (50, 1, 28, 28)
    assert sorted(os.listdir(mnist.cache_folder())) == sorted(name + '.gz' for name in NAMES)
    assert len([path for path in Mirror.requests if kind in path]) == 2           # once each: then it is asked last


def test_all_mirrors_that_failed_are_named(mirrors):
    mirrors('404', 'html', '500')
    with pytest.raises(mnist.NotThere) as error:
        mnist.load('mnist')
    assert all('/%s/: ' % kind in str(error.value) for kind in ('404', 'html', '500'))


def test_refused_connection_is_named(mirrors, monkeypatch):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        monkeypatch.setattr(mnist, 'MIRRORS', ['http://127.0.0.1:%d/' % free.getsockname()[1]])
    with pytest.raises(mnist.NotThere, match='refused'):
        mnist.load('mnist')


def test_cache_is_used_and_checked_on_every_load(mirrors):
    mirrors('good')
    mnist.load('mnist', NL=50)
    mirrors('404')
    mnist.load('mnist', NL=50)
    path = os.path.join(mnist.cache_folder(), NAMES[1] + '.gz')
    with open(path, 'wb') as file:
        file.write(gzip.compress(idx(np.ones(60, 'uint8'))))
    for data in ('mnist', 'auto'):                      # damaged is not the same as not there
        with pytest.raises(mnist.DataError, match='not the MNIST file'):
            mnist.load(data, NL=50)


def test_mnist_dir_comes_first_and_is_checked(mirrors, tmp_path, monkeypatch):
    folder = tmp_path / 'mine'
    folder.mkdir()
    monkeypatch.setenv('MNIST_DIR', write_folder(folder, *arrays((28, 28), K=10)))
    mirrors('404')
    assert mnist.load('mnist', NL=50).source == 'MNIST' and not Mirror.requests
    write_folder(folder, *arrays((28, 28), K=10, seed=1))
    with pytest.raises(mnist.DataError, match='not the MNIST file: SHA-256 is'):
        mnist.load('auto', NL=50)


def test_eight_at_once_leave_one_whole_cache(mirrors, monkeypatch):
    mirrors('good')
    monkeypatch.setattr(mnist, 'TIMEOUT', (30, 60))                     # none is to fail for a busy machine
    errors = []

    def load():
        try:
            mnist.load('mnist', NL=50)
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=load) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not errors and sorted(os.listdir(mnist.cache_folder())) == sorted(name + '.gz' for name in NAMES)


def test_the_original_site_is_never_asked_first():
    assert len(mnist.MIRRORS) >= 3 and all(mirror.startswith('https://') for mirror in mnist.MIRRORS)
    assert 'lecun' not in mnist.MIRRORS[0]


def test_without_mnist_auto_draws_digits_and_says_so(mirrors, capsys):
    mirrors('404')
    data = mnist.load('auto')
    assert 'not MNIST' in data.source and data.XL.shape == (50000, 1, 28, 28) and data.K == 10
    assert '/404/: HTTP Error 404' in capsys.readouterr().err


def test_real_mnist_is_split_50000_10000_10000(real_mnist):
    data = real_mnist
    assert [len(t) for t in (data.tL, data.tV, data.tT)] == [50000, 10000, 10000]
    assert data.XL.shape == (50000, 1, 28, 28) and data.K == 10
    assert abs(data.XL.mean(axis=0)).max() < 1e-5
    assert np.bincount(data.tT).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
