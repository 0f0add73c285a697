"""MNIST found or downloaded: folder, cache, mirrors that fail, processes that are killed."""
import gzip
import hashlib
import http.server
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from conftest import ROOT, amount
from datasets import download
from datasets.idx import DataError, read_idx
from helpers_data import arrays, idx_bytes, write_folder
import mnist

NAMES = list(download.MNIST)
PACKED = sorted(name + '.gz' for name in NAMES)


class Mirror(http.server.BaseHTTPRequestHandler):
    """Answers as its path says: /404/NAME, /html/NAME, /good/NAME, and so on."""

    def do_GET(self):
        self.server.asked.append(self.path)
        kind, name = self.path.strip('/').split('/')
        body = self.server.files[name]
        if kind in ('404', '500'):
            return self.send_error(int(kind))
        if kind == 'silent':
            return time.sleep(3)
        if kind == 'html':
            body = b'<html>moved</html>'
        if kind == 'wrong':
            body = gzip.compress(idx_bytes(np.zeros((3, 2, 2), 'uint8')))
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if kind == 'truncated':
            body = body[:len(body) // 2]
        if kind == 'dripping':
            for n in range(300):
                self.wfile.write(body[n:n + 1])
                time.sleep(0.1)
        if kind == 'slow':
            self.wfile.write(body[:100])
            self.server.resume.wait(self.server.pause)
            body = body[100:]
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, contents):
        super().__init__(('127.0.0.1', 0), Mirror)
        self.files = {name + '.gz': gzip.compress(content, mtime=0) for name, content in zip(NAMES, contents)}
        self.asked, self.pause, self.resume = [], 0.3, threading.Event()

    def handle_error(self, *_):
        """The client's end is not this server's fault."""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """No MNIST but what the test brings; a new cache."""
    monkeypatch.delenv('MNIST_DIR', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))


@pytest.fixture(params=['small'])
def server(request, elsewhere, monkeypatch):
    """A local server of a small data set that passes for MNIST, or of MNIST itself."""
    if request.param == 'real':
        contents = [idx_bytes(array) for array in request.getfixturevalue('mnist_files')]
    else:
        contents = [idx_bytes(array) for array in arrays((28, 28), K=10)]
    monkeypatch.setattr(download, 'MNIST', {n: hashlib.sha256(c).hexdigest() for n, c in zip(NAMES, contents)})
    monkeypatch.setattr(download, 'TIMEOUT', (1, 2))
    server = Server(contents)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.resume.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope='session')
def mnist_files():
    if not os.environ.get('MNIST_DIR'):
        pytest.skip('needs MNIST_DIR')
    return [read_idx(download.mnist_file(name)) for name in NAMES]


@pytest.fixture
def mirrors(server, monkeypatch):
    """A function that makes these kinds of the server's the mirrors."""
    def use(*kinds):
        monkeypatch.setattr(download, 'MIRRORS', ['http://127.0.0.1:%d/%s/' % (server.server_port, k) for k in kinds])
    return use


# ---- mirrors

@pytest.mark.parametrize('kind, words', [
    ('404', '404'), ('500', '500'), ('html', 'gzip'), ('truncated', 'ended after'), ('wrong', 'not the MNIST file'),
    ('silent', ''), ('dripping', 'not finished after 2 s'),
])
def test_a_mirror_that_fails_is_named_and_the_next_one_asked(mirrors, server, kind, words):
    mirrors(kind)
    start = time.monotonic()
    with pytest.raises(download.NotThere) as error:
        download.mnist()
    assert time.monotonic() - start < 10                # dripping goes on for 30 s
    line = str(error.value)
    assert '/%s/' % kind in line and words in line and '\n' not in line
    assert os.listdir(download.cache_folder()) == []

    mirrors(kind, 'good')
    data = mnist.load('mnist', NL=50)
    assert data.source == 'MNIST' and data.XL.shape == (50, 1, 28, 28)
    assert sorted(os.listdir(download.cache_folder())) == PACKED
    assert len([path for path in server.asked if kind in path]) == 2              # once each: then it is asked last


def test_all_mirrors_that_failed_are_named(mirrors):
    mirrors('404', 'html', '500')
    with pytest.raises(download.NotThere) as error:
        download.mnist()
    assert all('/%s/: ' % kind in str(error.value) for kind in ('404', 'html', '500'))


def test_refused_connection_is_named(elsewhere, monkeypatch):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        monkeypatch.setattr(download, 'MIRRORS', ['http://127.0.0.1:%d/' % free.getsockname()[1]])
    with pytest.raises(download.NotThere, match='refused'):
        download.mnist()


def test_a_certificate_of_ones_own_is_not_accepted(elsewhere, tmp_path, monkeypatch):
    """A server that says it is the mirror, but whom nobody vouches for, is not even asked for a file."""
    if not shutil.which('openssl'):
        pytest.skip('needs openssl to make a certificate')
    both = str(tmp_path / 'both.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
                    '-addext', 'subjectAltName=DNS:localhost', '-keyout', both, '-out', str(tmp_path / 'cert.pem')],
                   check=True, stderr=subprocess.DEVNULL)
    with open(both, 'a') as file:
        file.write((tmp_path / 'cert.pem').read_text())
    server = Server([b''] * 4)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(download, 'MIRRORS', ['https://localhost:%d/' % server.server_port])
    with pytest.raises(download.NotThere, match='(?i)certificate.verify.failed'):
        download.mnist()
    server.shutdown()
    server.server_close()
    assert server.asked == []


def test_the_original_site_is_never_asked_first():
    assert len(download.MIRRORS) >= 3 and all(mirror.startswith('https://') for mirror in download.MIRRORS)
    assert 'lecun' not in download.MIRRORS[0]


def test_without_mnist_auto_draws_digits_and_says_so(mirrors, capsys):
    mirrors('404')
    data = mnist.load('auto')
    assert 'not MNIST' in data.source and data.XL.shape == (50000, 1, 28, 28) and data.K == 10
    assert '/404/: HTTP Error 404' in capsys.readouterr().err


# ---- folder and cache

def test_cache_is_used_and_checked_on_every_load(mirrors):
    mirrors('good')
    mnist.load('mnist', NL=50)
    mirrors('404')
    mnist.load('mnist', NL=50)
    with open(os.path.join(download.cache_folder(), PACKED[3]), 'wb') as file:
        file.write(gzip.compress(idx_bytes(np.ones(60, 'uint8'))))
    for data in ('mnist', 'auto'):                      # damaged is not the same as not there
        with pytest.raises(DataError, match='not the MNIST file'):
            mnist.load(data, NL=50)


@pytest.mark.parametrize('name', ['%s-idx%d-ubyte', '%s.idx%d-ubyte'])
def test_mnist_dir_comes_first_and_is_checked(mirrors, server, tmp_path, monkeypatch, name):
    names = [name.replace('%s', n.partition('-idx')[0]) for n in NAMES]
    folder = tmp_path / 'mine'
    folder.mkdir()
    monkeypatch.setenv('MNIST_DIR', write_folder(folder, *arrays((28, 28), K=10), names=names))
    mirrors('404')
    assert mnist.load('mnist', NL=50).source == 'MNIST' and not server.asked
    write_folder(folder, *arrays((28, 28), K=10, seed=1), names=names)
    with pytest.raises(DataError, match='not the MNIST file: SHA-256 is'):
        mnist.load('auto', NL=50)


@pytest.mark.parametrize('there', [True, False])
def test_a_file_that_mnist_dir_has_not_is_named_and_looked_for_elsewhere(mirrors, tmp_path, monkeypatch, capsys, there):
    folder = tmp_path / 'mine'
    if there:
        folder.mkdir()
        os.remove(os.path.join(write_folder(folder, *arrays((28, 28), K=10)), NAMES[3]))
    monkeypatch.setenv('MNIST_DIR', str(folder))
    mirrors('good')
    mnist.load('mnist', NL=50)
    assert '# no %s or .gz of it in MNIST_DIR (%s)' % (NAMES[3], folder) in capsys.readouterr().err
    assert sorted(os.listdir(download.cache_folder())) == (PACKED[1:2] if there else PACKED)


def test_no_home_for_the_cache_is_said(monkeypatch):
    monkeypatch.delenv('MNIST_DIR', raising=False)
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
    monkeypatch.setattr(os.path, 'expanduser', lambda path: path)
    with pytest.raises(download.NotThere, match='no home folder: set HOME, XDG_CACHE_HOME or MNIST_DIR'):
        download.mnist()


# ---- processes of their own

def start(server, before=''):
    """A process that downloads MNIST slowly from the server, and prints the number of test labels."""
    code = before + 'from datasets import download; download.MNIST = %r; download.MIRRORS = [%r]; ' \
        'print(len(download.mnist()[3]))' % (download.MNIST, 'http://127.0.0.1:%d/slow/' % server.server_port)
    return subprocess.Popen([sys.executable, '-c', code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            universal_newlines=True)


def finish(process, server):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and out == '%d\n' % (len(gzip.decompress(server.files[PACKED[1]])) - 8), err
    return err


def assert_cache_is(server):
    files = {}
    for name in os.listdir(download.cache_folder()):
        with open(os.path.join(download.cache_folder(), name), 'rb') as file:
            files[name] = file.read()
    assert files == server.files


@pytest.mark.parametrize('server', amount(['small'], ['small', 'real']), indirect=True)
def test_eight_processes_download_once(server):
    processes = [start(server) for _ in range(8)]
    assert sum(finish(process, server).count('# downloading') for process in processes) == 4
    assert len(server.asked) == 4
    assert_cache_is(server)


@pytest.mark.parametrize('fcntl', ['there', 'not there'])
def test_a_download_that_was_killed_leaves_nothing_behind(server, fcntl):
    before = 'import sys; sys.modules["fcntl"] = None; ' if fcntl == 'not there' else ''
    server.pause = 60
    process = start(server, before)
    while not server.asked:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    part = os.path.join(download.cache_folder(), '.%s-abc.part' % PACKED[0])        # of one killed while it wrote
    with open(part, 'wb') as file:
        file.write(b'half')
    server.pause = 0
    finish(start(server, before), server)
    if fcntl == 'not there':
        os.remove(part)                                                 # it might be somebody's
    assert_cache_is(server)


def test_a_cache_that_cannot_be_written_is_said_before_any_download(mirrors, server, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', '/proc/nowhere')
    mirrors('good')
    with pytest.raises(download.NotThere, match='nothing can be downloaded to /proc/nowhere/mnist-idx: No such file'):
        download.mnist()
    assert server.asked == []
