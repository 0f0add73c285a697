"""The script as its users run it: in a process of its own, in a real IPython, on real MNIST."""
import importlib.util
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pexpect
import pytest

from conftest import ROOT, run_script
from helpers_data import arrays, write_folder


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A small data set of 12 x 10 pixels and 3 classes, whose first pixels tell the class."""
    X, t, XT, tT = arrays((12, 10), K=3, NL=600, NT=60)
    X[np.arange(600), 0, t] = XT[np.arange(60), 0, tT] = 255
    return write_folder(tmp_path_factory.mktemp('idx'), X, t, XT, tT)


SMALL = ['NL=500', 'W1nch=4', 'nepoch=2', 'interval=1']


@pytest.mark.parametrize('hidden, title', [('conv', '### 2-layer convnet'), ('conv-conv', '### 3-layer convnet'),
                                           ('conv-full', '### 3-layer'), ('full', '### 2-layer MLP'),
                                           ('full-full', '### 3-layer MLP')])
def test_every_kind_of_net_trains_and_prints_its_log(folder, hidden, title):
    run = run_script('data=' + folder, 'hidden=' + hidden, 'H1=20', 'W1dim=(3,5)', 'W2dim=(2,2)', 'withBias=True', *SMALL)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.split('\n')
    assert lines[0] == '# data: ' + folder and lines[1].startswith('# seed: 0 theano: ')
    assert lines[2] == title
    assert lines[-8:-6] == ['# D: 120 H: 20' if hidden == 'full' else lines[-8],
                            '### training: NL = 500 NV = 100 K = 3 batchsize = 100']
    assert [line.split()[0] for line in lines[-6:-1]] == ['0', '1', '2', '#', '2']
    assert re.search(r'# threads: \d+ wall time: [\d.]+ s\n$', run.stderr)


def test_the_same_seed_prints_the_same_log_and_another_one_does_not(folder):
    logs = [run_script('data=' + folder, 'seed=%d' % seed, *SMALL).stdout for seed in (1, 1, 2)]
    assert logs[0] == logs[1] != logs[2]


@pytest.mark.parametrize('hidden', ['conv-conv', 'conv-full'])
def test_the_log_does_not_depend_on_the_number_of_threads(folder, hidden):
    logs = {run_script('data=' + folder, 'hidden=' + hidden, 'W2dim=(2,2)', 'H2=50', 'afunc1=ReLu', *SMALL,
                       OMP_NUM_THREADS=str(threads)).stdout for threads in (1, 2, 3)}
    assert len(logs) == 1 and logs.pop().count('\n') > 8


def test_double_precision_trains_alike(folder):
    logs = [run_script('data=' + folder, 'hidden=conv-full', *SMALL, THEANO_FLAGS=os.environ['THEANO_FLAGS'] + ',floatX=' + floatX)
            for floatX in ('float32', 'float64')]
    single, double = [[float(line.split()[1]) for line in run.stdout.split('\n') if line[:1].isdigit()] for run in logs]
    assert single == pytest.approx(double, rel=1e-4) and single != double and len(single) == 4, logs[1].stderr


@pytest.mark.parametrize('arguments, line', [
    (['W1dim=(13,5)'], 'layer 1: Wrow = 13 exceeds Xrow = 12'),
    (['hidden=conv-conv'], 'layer 2: Wrow = 5 exceeds Xrow = 4'),
    (['hidden=full', 'H1=999999999'], 'layer 1: W of shape (120, 999999999): must have at most 268435456 weights'),
    (['NL=501'], 'NL = 501: {folder} has 500 examples to train (600 less 100 to validate)'),
    (['nepochs=3'], 'nepochs=3: no hyperparameter of this name, did you mean nepoch?'),
])
def test_wrong_settings_are_one_line_and_status_2_before_anything_slow(folder, arguments, line):
    start = time.monotonic()
    run = run_script('data=' + folder, 'NL=500', *arguments)
    assert run.returncode == 2 and run.stdout == ''
    assert run.stderr.startswith(line.format(folder=folder)) and run.stderr.count('\n') == 1
    assert time.monotonic() - start < 5


def test_data_that_is_not_mnist_or_broken_is_one_line_and_status_2(folder):
    run = run_script('data=mnist', MNIST_DIR=folder)
    if run.returncode == 0:
        pytest.skip('MNIST is in the cache folder or was downloaded')
    assert run.returncode == 2 and 'Traceback' not in run.stderr
    (path,) = [p for p in os.listdir(folder) if p.startswith('t10k-labels')]
    assert path


def test_divergence_is_one_line_and_status_3(folder):
    run = run_script('data=' + folder, 'eta=1e30', *SMALL)
    assert run.returncode == 3
    assert re.search(r'^the cost is (nan|inf) in epoch 1, minibatch \d of 5: lower eta or the initial spread Wsigma\n$',
                     run.stderr, re.M)
    assert 'Traceback' not in run.stderr


def test_ctrl_c_is_one_line_and_status_130(folder):
    run = subprocess.Popen([sys.executable, 'mnist_convnet.py', 'data=' + folder, 'NL=500', 'nepoch=1000000'], cwd=ROOT,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    while not run.stdout.readline().startswith('0 '):
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20)
    assert run.returncode == 130
    assert re.search(r'^stopped by Ctrl-C after epoch \d+, minibatch \d of 5\n$', err, re.M) and 'Traceback' not in err


@pytest.mark.parametrize('wait, line', [
    ('# seed', r'^stopped by Ctrl-C$'),                                       # while compiling or about to
    ('### training', r'^stopped by Ctrl-C while evaluating$'),
])
def test_ctrl_c_is_heard_outside_of_minibatches(tmp_path, wait, line):
    folder = write_folder(tmp_path, *arrays((28, 28), NL=24000, NT=100))
    run = subprocess.Popen([sys.executable, 'mnist_convnet.py', 'data=' + folder, 'NL=20000', 'nepoch=0', 'W1nch=64'], cwd=ROOT,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    while not run.stdout.readline().startswith(wait):
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130 and re.search(line, err, re.M) and 'Traceback' not in err


@pytest.mark.parametrize('module', ['numpy', 'theano.tensor', 'theano_setup.environment'])
def test_ctrl_c_while_importing_is_one_line(folder, module):
    run = subprocess.Popen([sys.executable, '-X', 'importtime', 'mnist_convnet.py', 'data=' + folder, 'NL=500'], cwd=ROOT,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    while run.stderr.readline().split('|')[-1].strip() != module:       # until Python says that it is imported
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    err = [line for line in run.stderr.read().splitlines() if not line.startswith('import time:')]
    assert err == ['stopped by Ctrl-C'] and run.stdout.read() == ''
    assert run.wait() in (130, -signal.SIGINT)                  # a shell shows both as 130


def test_a_pipe_that_nobody_reads_is_no_traceback(folder):
    run = subprocess.run('%s mnist_convnet.py data=%s NL=500 W1nch=4 nepoch=2 interval=1 | head -3' % (sys.executable, folder),
                         cwd=ROOT, shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert run.stdout.count('\n') == 3 and 'Traceback' not in run.stderr and 'Exception' not in run.stderr


def test_nothing_but_the_log_on_stdout_and_no_bar_where_there_is_no_terminal(folder):
    run = run_script('data=' + folder, *SMALL)
    assert all(re.match(r'#|\d+ ', line) for line in run.stdout.split('\n')[:-1])
    assert '\r' not in run.stdout + run.stderr and 'epoch' not in run.stderr


@pytest.fixture
def ipython(tmp_path):
    """A real IPython in a pseudo-terminal, at its prompt."""
    env = {**os.environ, 'IPYTHONDIR': str(tmp_path), 'TERM': 'dumb', 'PYTHONWARNINGS': 'ignore'}
    child = pexpect.spawn(sys.executable, ['-m', 'IPython', '--simple-prompt', '--colors=NoColor', '--no-banner'],
                          cwd=ROOT, env=env, encoding='utf-8', codec_errors='replace', timeout=240, dimensions=(40, 200))
    child.expect(r'In \[1\]: ')
    yield child
    child.close(force=True)


def prompt(ipython, line):
    """What IPython prints from a line to its next prompt."""
    ipython.sendline(line)
    ipython.expect(r'\r\nIn \[\d+\]: ')
    return re.sub(r'[\r\n]+', '\n', ipython.before)          # the bar goes back with \r


def test_ipython_session(ipython, folder):
    """%time %run twice with different values; net, data and log are there; errors leave the prompt."""
    run = '%%time %%run mnist_convnet.py data=%s NL=500 ' % folder
    first = prompt(ipython, run + 'nepoch=1')
    assert 'W1nch: 16' in first and re.search(r'\n1 [\d.e-]+( [\d.]+){3}\n', first) and 'Wall time:' in first
    second = prompt(ipython, run + 'nepoch=1 W1nch=4 ds1=(4,4)')
    assert 'W1nch: 4 ds1: (4, 4) H: 16' in second and 'Traceback' not in first + second
    if importlib.util.find_spec('tqdm'):
        assert re.search(r'epoch 1/1, 0:\d\d left.*5/5', second.replace('\r', '\n')), second
    assert 'ConvLayer(X 12x10x1 * W 5x5x4' in prompt(ipython, 'net')
    assert '(500, 1, 12, 10)' in prompt(ipython, 'data.XL.shape')
    assert "'# NT = 60'" in prompt(ipython, 'log[-2]')
    assert '(4, 1, 5, 5)' in prompt(ipython, 'net.layer1.W.get_value().shape')

    wrong = prompt(ipython, run + 'eta=-1')
    assert '\neta = -1: must be a finite number above 0' in wrong and 'Error' not in wrong and 'Traceback' not in wrong


def test_ctrl_c_in_ipython_is_one_line_and_leaves_the_net(ipython, folder):
    ipython.sendline('%%run mnist_convnet.py data=%s NL=500 nepoch=1000000' % folder)
    ipython.expect(r'[\r\n]0 [\d.]+ ')
    ipython.sendintr()
    ipython.expect(r'stopped by Ctrl-C (after epoch \d+, minibatch|while evaluating)')
    ipython.expect(r'In \[2\]: ')
    assert 'Traceback' not in ipython.before
    assert 'ConvLayer(X 12x10x1 * W 5x5x16' in prompt(ipython, 'net')


def test_one_epoch_on_real_mnist_comes_under_4_percent(real_mnist):
    run = run_script('data=mnist', 'nepoch=1')
    assert run.returncode == 0, run.stderr
    lines = run.stdout.split('\n')
    assert lines[0] == '# data: MNIST'
    assert lines[2:6] == ['### 2-layer convnet',
                          '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H: 2304',
                          '# H: 2304',
                          '### training: NL = 50000 NV = 10000 K = 10 batchsize = 100']
    assert lines[-3] == '# NT = 10000'
    assert float(lines[-4].split()[3]) < 4


@pytest.mark.xdist_group('drawn')
def test_drawn_digits_are_announced_first_and_last_and_learnt(drawn_run):
    lines = drawn_run[0].stdout.rstrip('\n').split('\n')
    assert 'not MNIST' in lines[0] and 'not MNIST' in lines[-1]
    assert float(lines[-2].split()[-1]) < 15 < float(lines[6].split()[-1])
