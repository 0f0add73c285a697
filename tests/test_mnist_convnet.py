"""The script as its users run it: in a process of its own, in a real IPython, on real MNIST."""
import os
import re
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest

from conftest import ROOT, prompt, run_script
from helpers import assert_one_line, start, wait_for
from helpers_data import arrays, write_folder

SMALL = ['NL=500', 'W1nch=4', 'nepoch=2', 'interval=1']


@pytest.mark.parametrize('hidden, header', [
    ('conv', ['### 2-layer convnet', '# Xdim: (12, 10) Xnch: 1 W1dim: (3, 5) W1nch: 4 ds1: (2, 2) H: 60', '# H: 60']),
    ('conv-conv', ['### 3-layer convnet', '# Xdim: (12, 10) Xnch: 1 W1dim: (3, 5) W1nch: 4 ds1: (2, 2) H1: 60',
                   '# W2dim: (2, 2) W2nch: 16 ds2: (2, 2) H2: 32']),
    ('conv-full', ['### 3-layer', '# Xdim: (12, 10) Xnch: 1 W1dim: (3, 5) W1nch: 4 ds1: (2, 2) H1: 60', '# H2: 8']),
    ('full', ['### 2-layer MLP', '# D: 120 H: 20']),
    ('full-full', ['### 3-layer MLP', '# D: 120 H1: 20 H2: 8']),
    ('conv-conv-conv', ['### 4-layer convnet', '# Xdim: (12, 10) Xnch: 1 W1dim: (3, 5) W1nch: 4 ds1: (2, 2) H1: 60',
                        '# W2dim: (2, 2) W2nch: 16 ds2: (2, 2) H2: 32',
                        '# W3dim: (1, 1) W3nch: 16 ds3: (2, 2) H3: 16']),
    ('conv-conv-full', ['### 4-layer', '# Xdim: (12, 10) Xnch: 1 W1dim: (3, 5) W1nch: 4 ds1: (2, 2) H1: 60',
                        '# W2dim: (2, 2) W2nch: 16 ds2: (2, 2) H2: 32', '# H3: 6']),
    ('conv-full-full', ['### 4-layer', '# Xdim: (12, 10) Xnch: 1 W1dim: (3, 5) W1nch: 4 ds1: (2, 2) H1: 60', '# H2: 8',
                        '# H3: 6']),
    ('full-full-full', ['### 4-layer MLP', '# D: 120 H1: 20 H2: 8 H3: 6']),
])
def test_every_kind_of_net_trains_and_prints_its_log(folder, hidden, header):
    run = run_script('data=' + folder, 'hidden=' + hidden, 'H1=20', 'H2=8', 'H3=6', 'W1dim=(3,5)', 'W2dim=(2,2)',
                     'W3dim=(1,1)', 'withBias=True', *SMALL)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.split('\n')
    assert lines[0] == '# data: ' + folder and lines[1].startswith('# seed: 0 theano: ')
    assert lines[2].startswith('# settings: data=%s NL=500 ' % folder) and 'W1nch=4' in lines[2]
    assert lines[3:-6] == header + ['### training: NL = 500 NV = 100 K = 3 batchsize = 100']
    assert [line.split()[0] for line in lines[-6:-1]] == ['0', '1', '2', '#', '2']
    assert re.search(r'# threads: \d+ wall time: [\d.]+ s\n$', run.stderr)


def test_the_line_of_settings_typed_again_gives_the_same_log_and_another_seed_does_not(folder):
    first = run_script('data=' + folder, 'seed=1', *SMALL)
    line, = (line for line in first.stdout.split('\n') if line.startswith('# settings: '))
    typed = shlex.split(line[len('# settings: '):])
    assert 'seed=1' in typed and len(typed) == 6
    assert run_script(*typed).stdout == first.stdout != ''
    logs = [[line for line in log.split('\n') if line[:1].isdigit()] for log in
            (first.stdout, run_script('data=' + folder, 'seed=2', *SMALL).stdout)]
    assert len(logs[1]) == 4 and not set(logs[0]) & set(logs[1])


@pytest.mark.parametrize('hidden', ['conv-conv', 'conv-full'])
def test_the_log_does_not_depend_on_the_number_of_threads(folder, hidden):
    logs = {run_script('data=' + folder, 'hidden=' + hidden, 'W2dim=(2,2)', 'H2=50', 'afunc1=ReLu', *SMALL,
                       OMP_NUM_THREADS=str(threads)).stdout for threads in (1, 2, 3)}
    assert len(logs) == 1 and logs.pop().count('\n') > 8


def test_nor_does_it_with_all_that_regularises(folder):
    settings = ('hidden=conv-conv-full', 'W1nch=20', 'pad1=2', 'ds1=(3,3)', 'st1=(2,2)', 'pad2=2', 'ds2=(3,3)',
                'st2=(2,2)', 'H3=50', 'afunc1=ReLu', 'Wsigma=He', 'drop1=0.1', 'drop2=0.2', 'drop3=0.5', 'decay=0.001',
                'maxnorm=2.0', 'average=0.9', 'mu=(0.5,0.9,2)', 'schedule=cosine', 'warmup=1', 'shift=1', 'rotate=10.0',
                'zoom=0.1', 'elastic=1.0', 'refine=1', 'nepoch=3', 'interval=1', 'NL=500')
    logs = {run_script('data=' + folder, *settings, OMP_NUM_THREADS=str(threads)).stdout for threads in (1, 2, 3)}
    log, = logs
    line, = (line for line in log.split('\n') if line.startswith('# settings: '))
    typed = [name for name in shlex.split(line) if not name.startswith(('W2nch', 'W1dim', 'W2dim'))]
    assert set(settings) <= set(typed) and log.count('\n') > 8


def test_double_precision_trains_alike(folder):
    logs = [run_script('data=' + folder, 'hidden=conv-full', *SMALL,
                       THEANO_FLAGS=os.environ['THEANO_FLAGS'] + ',floatX=' + floatX)
            for floatX in ('float32', 'float64')]
    single, double = [[float(line.split()[1]) for line in run.stdout.split('\n') if line[:1].isdigit()] for run in logs]
    assert single == pytest.approx(double, rel=1e-4) and single != double and len(single) == 4, logs[1].stderr


def test_help_prints_the_scripts_docstring_and_every_setting():
    run = run_script('--help')
    assert run.returncode == 0 and run.stderr == '' and run.stdout.startswith('Trains a net of 2 to 4 layers on MNIST')
    assert '"ds1=(2,2)"' in run.stdout and 'afunc3=linear' in run.stdout


def test_data_that_is_not_mnist_or_broken_is_one_line_and_status_2(folder):
    run = run_script('data=mnist', MNIST_DIR=folder)
    if run.returncode == 0:
        pytest.skip('MNIST is in the cache folder or was downloaded')
    assert run.returncode == 2 and 'Traceback' not in run.stderr


def test_divergence_is_one_line_and_status_3(folder):
    run = run_script('data=' + folder, 'eta=1e30', *SMALL)
    assert_one_line(run, 3, '')
    assert re.search(r'^the cost is (nan|inf) in epoch 1, minibatch \d of 5: lower eta or the initial spread Wsigma$',
                     run.stderr, re.M)


def test_a_test_cost_that_is_not_finite_is_one_line_and_status_3(tmp_path):
    """Training images are zeros; others are too much for Wsigma = 1e30."""
    X, t, XT, tT = arrays((12, 10), K=3, NL=60, NT=20)
    folder = write_folder(tmp_path, np.zeros_like(X), t, XT, tT)
    run = run_script('data=' + folder, 'NL=50', 'batchsize=10', 'nepoch=0', 'hidden=conv-full', 'H2=10', 'Wsigma=1e30',
                     'W1nch=4')
    assert_one_line(run, 3, 'the cost is nan on the test examples: lower eta or the initial spread Wsigma')
    assert run.stdout.split('\n')[-2].startswith('0 ')


# ---- Ctrl-C in each phase

def test_ctrl_c_within_an_epoch_is_one_line_and_status_130(folder):
    run = start('data=' + folder, 'NL=500', 'nepoch=1000000')
    wait_for(run, '0 ')
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=20)
    assert run.returncode == 130
    assert re.search(r'^stopped by Ctrl-C (after epoch \d+, minibatch \d of 5|while evaluating)$', err, re.M)
    assert 'Traceback' not in err


@pytest.mark.parametrize('wait, line', [
    ('# settings', r'^stopped by Ctrl-C$'),                                   # while compiling or about to
    ('### training', r'^stopped by Ctrl-C while evaluating$'),
])
def test_ctrl_c_is_heard_outside_of_minibatches(tmp_path, wait, line):
    folder = write_folder(tmp_path, *arrays((28, 28), NL=24000, NT=100))
    run = start('data=' + folder, 'NL=20000', 'nepoch=0', 'W1nch=64')
    wait_for(run, wait)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130 and re.search(line, err, re.M) and 'Traceback' not in err


@pytest.mark.parametrize('module', ['numpy', 'theano.tensor', 'theano_setup.environment'])
def test_ctrl_c_while_importing_is_one_line(folder, module):
    run = start('data=' + folder, 'NL=500', options=['-X', 'importtime'])
    while run.stderr.readline().split('|')[-1].strip() != module:       # until Python says that it is imported
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    err = [line for line in run.stderr.read().splitlines() if not line.startswith('import time:')]
    assert err == ['stopped by Ctrl-C'] and run.stdout.read() == ''
    assert run.wait() in (130, -signal.SIGINT)                  # a shell shows both as 130


# ---- where the log goes

def test_a_pipe_that_nobody_reads_is_one_line(folder):
    command = 'set -o pipefail; %s mnist_convnet.py data=%s %s | head -3' % (sys.executable, folder, ' '.join(SMALL))
    run = subprocess.run(command, cwd=ROOT, shell=True, executable='/bin/bash', stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, universal_newlines=True)
    assert run.stdout.count('\n') == 3
    assert_one_line(run, 141, 'stdout: Broken pipe')


def test_nothing_but_the_log_on_stdout_and_no_progress_where_there_is_no_terminal(folder):
    run = run_script('data=' + folder, *SMALL)
    assert all(re.match(r'#|\d+ ', line) for line in run.stdout.split('\n')[:-1])
    assert '\r' not in run.stdout + run.stderr and 'epoch' not in run.stderr


# ---- IPython

def test_ipython_session(ipython, folder, tmp_path):
    """%time %run twice with different values; net, dataset and log are there, and the same after refused runs."""
    run = '%%time %%run mnist_convnet.py data=%s NL=500 ' % folder
    first = prompt(ipython, run + 'nepoch=1')
    assert 'W1nch: 16' in first and re.search(r'\n1 [\d.e-]+( [\d.]+){3}\n', first) and 'Wall time:' in first
    second = prompt(ipython, run + 'nepoch=1 W1nch=4 ds1=(4,4)')
    assert 'W1nch: 4 ds1: (4, 4) H: 16' in second and 'Traceback' not in first + second
    assert re.search(r'epoch 1/1 \[#{20}\] 100 %, 0:\d\d left', second), second
    prompt(ipython, 'was = net, dataset, log, list(log)')

    for wrong, line in [('eta=-1', 'eta = -1: must be a finite number above 0'),
                        ('W1dim=(13,5)', 'layer 1: Wrow = 13 exceeds Xrow = 12'),
                        ('NL=501', 'NL = 501: '), ('frobnicate=1', 'frobnicate=1: no setting of this name')]:
        shown = prompt(ipython, run + wrong)
        assert '\n' + line in shown and 'Error' not in shown and 'Traceback' not in shown
        assert 'True\n' in prompt(ipython, 'was[0] is net and was[1] is dataset and was[2] is log and was[3] == log')
    assert 'ConvLayer(X 12x10x1 * W 5x5x4' in prompt(ipython, 'net')
    assert '(500, 1, 12, 10)' in prompt(ipython, 'dataset.XL.shape')
    assert "'# NT = 60'" in prompt(ipython, 'log[-2]')
    assert '(4, 1, 5, 5)' in prompt(ipython, 'net.layer1.W.get_value().shape')


def test_ctrl_c_in_ipython_is_one_line_and_leaves_the_net(ipython, folder):
    ipython.sendline('%%run mnist_convnet.py data=%s NL=500 nepoch=1000000' % folder)
    ipython.expect(r'[\r\n]0 [\d.]+ ')
    ipython.sendintr()
    ipython.expect(r'stopped by Ctrl-C (after epoch \d+, minibatch|while evaluating)')
    ipython.expect(r'In \[2\]: ')
    assert 'Traceback' not in ipython.before
    assert 'ConvLayer(X 12x10x1 * W 5x5x16' in prompt(ipython, 'net')
    assert '43\n' in prompt(ipython, 'print(6 * 7 + 1)')


# ---- MNIST and drawn digits

def test_two_epochs_on_real_mnist_come_under_4_percent(real_mnist):
    run = run_script('data=mnist', 'nepoch=2')
    assert run.returncode == 0, run.stderr
    lines = run.stdout.split('\n')
    assert lines[0] == '# data: MNIST' and lines[2] == '# settings: data=mnist nepoch=2'
    assert lines[3:7] == ['### 2-layer convnet',
                          '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H: 2304',
                          '# H: 2304',
                          '### training: NL = 50000 NV = 10000 K = 10 batchsize = 100']
    assert lines[-3] == '# NT = 10000'
    assert float(lines[-4].split()[3]) < 4


@pytest.mark.xdist_group('drawn')
def test_drawn_digits_are_announced_first_and_last_and_learnt(drawn_run):
    lines = drawn_run[0].stdout.rstrip('\n').split('\n')
    assert 'not MNIST' in lines[0] and 'not MNIST' in lines[-1]
    assert float(lines[-2].split()[-1]) < 15 < float(lines[7].split()[-1])
