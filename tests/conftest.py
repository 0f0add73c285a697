"""Common to the tests: the modules' path, the folder of MNIST, scripts in processes of their own."""
import os
import re
import signal
import subprocess
import sys
import warnings

import numpy as np
import pexpect
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [ROOT, os.path.join(ROOT, 'experiments')]
if os.environ.get('MNIST_DIR'):
    os.environ['MNIST_DIR'] = os.path.abspath(os.environ['MNIST_DIR'])

signal.signal(signal.SIGINT, signal.default_int_handler)     # in the background it may be ignored, by children too

worker = os.environ.get('PYTEST_XDIST_WORKER')
if worker:                  # tests side by side: neither waits for the other's compile lock, or spins for its core
    flags = os.environ.get('THEANO_FLAGS'), 'base_compiledir=' + os.path.expanduser('~/.theano/tests-' + worker)
    os.environ['THEANO_FLAGS'] = ','.join(filter(None, flags))
    os.environ.setdefault('OMP_WAIT_POLICY', 'passive')

with warnings.catch_warnings():
    warnings.simplefilter('ignore', DeprecationWarning)
    from theano_setup import theano
    import fused            # with it, whatever else is collected; the fixture mode has tests run without it, too


def amount(sample, whole):
    """What a test takes: the whole where TORTURE=1 is set, as `make torture` does; else a sample."""
    return whole if os.environ.get('TORTURE') == '1' else sample


@pytest.fixture
def rng():
    return np.random.RandomState(1)


@pytest.fixture
def float64():
    """Theano in double precision, as finite differences need it."""
    with theano.change_flags(floatX='float64'):
        yield


@pytest.fixture(params=['stock', 'fused'])
def mode(request):
    """The mode that Theano compiles in: without this project's Ops, then with them."""
    default = theano.compile.get_default_mode()
    return default.excluding('fused') if request.param == 'stock' else default


@pytest.fixture
def nothing_compiled(monkeypatch):
    """The test fails where anything is compiled."""
    monkeypatch.setattr(theano, 'function', lambda *_, **__: pytest.fail('compiled'))


@pytest.fixture
def steps(monkeypatch):
    """Stands in for what training compiles: the minibatches so far; the cost of examples in steps.bad is not finite."""
    import training

    class Steps(list):
        bad = ()

        def update(self, minibatch):
            self.append(minibatch)
            return np.nan if set(self.bad) & set(minibatch) else 0.5

    found = Steps()
    monkeypatch.setattr(training, 'compile_functions',
                        lambda *_: training.Functions(found.update, lambda X, t: (0.25, 0.5)))
    return found


@pytest.fixture(scope='session')
def real_mnist():
    """Skips the test, saying so, where MNIST is not at hand."""
    from datasets import download
    import mnist
    mirrors, download.MIRRORS = download.MIRRORS, []
    try:
        return mnist.load('mnist')
    except mnist.DataError as error:
        pytest.skip('MNIST is not at hand: %s' % error)
    finally:
        download.MIRRORS = mirrors


def run_script(*arguments, script='mnist_convnet.py', timeout=300, **environment):
    """A finished process of the script; environment variables of value None are taken away."""
    env = {**os.environ, **environment}
    return subprocess.run([sys.executable, os.path.join(ROOT, script)] + list(arguments), cwd=ROOT, timeout=timeout,
                          env={name: value for name, value in env.items() if value is not None},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
    """A small data set of 12 x 10 pixels and 3 classes, 500 examples to train, which are not to be learnt at once."""
    from helpers_data import arrays, write_folder
    return write_folder(tmp_path_factory.mktemp('idx'), *arrays((12, 10), K=3, NL=600, NT=60))


@pytest.fixture(scope='session')
def drawn_run(tmp_path_factory):
    """A run on drawn digits: the finished process, and the net that it saved. For tests of the group 'drawn'."""
    path = str(tmp_path_factory.mktemp('net') / 'net.npz')
    run = run_script('data=drawn', 'NL=20000', 'nepoch=2', 'ds1=(4,4)', 'save=' + path)
    assert run.returncode == 0, run.stderr
    return run, path


@pytest.fixture(scope='session')
def four_epochs(tmp_path_factory):
    """A checkpoint of a small training of four epochs at once, not to be written to, and its log."""
    from helpers_checkpoints import train
    path = tmp_path_factory.mktemp('whole') / 'whole.npz'
    return path, train(path)


@pytest.fixture
def ipython(tmp_path):
    """A real IPython in a pseudo-terminal, at its prompt."""
    env = {**os.environ, 'IPYTHONDIR': str(tmp_path), 'TERM': 'dumb', 'PYTHONWARNINGS': 'ignore'}
    child = pexpect.spawn(sys.executable, ['-m', 'IPython', '--simple-prompt', '--colors=NoColor', '--no-banner'],
                          cwd=ROOT, env=env, encoding='utf-8', codec_errors='replace', timeout=240,
                          dimensions=(40, 200))
    child.expect(r'In \[1\]: ')
    yield child
    child.close(force=True)


def prompt(ipython, line):
    """What IPython prints from a line to its next prompt."""
    ipython.sendline(line)
    ipython.expect(r'\r\nIn \[\d+\]: ')
    return re.sub(r'[\r\n]+', '\n', ipython.before.replace('\x1b[K', ''))          # progress goes back with \r


def pytest_configure(config):
    # Theano 1.0.5 uses names that NumPy deprecates; nothing here can change that.
    config.addinivalue_line('filterwarnings', 'ignore::DeprecationWarning')


def pytest_collection_modifyitems(items):
    """A file's tests follow one another on one worker, which has then compiled much of what they need.

    Tests that must do so come first: the others need not wait for them at the end.
    """
    items.sort(key=lambda item: item.get_closest_marker('xdist_group') is None)
    for item in items:
        if item.get_closest_marker('xdist_group') is None:
            item.add_marker(pytest.mark.xdist_group(item.path.name if hasattr(item, 'path') else item.fspath.basename))
