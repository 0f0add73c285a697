"""Memory that a training takes, and keeps."""
import os
import subprocess
import sys

import pytest

from conftest import ROOT

LEAK = '''
import os, sys
sys.path[:0] = [%r, os.path.join(%r, 'tests')]
import conftest, training
from helpers import small_data, small_net
import numpy as np

def resident(epoch, net, log):
    if epoch %% 10 == 0:
        with open('/proc/self/statm') as file:
            sizes.append(int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE'))

data, sizes = small_data(NL=8000), []
training.train(small_net(), data, 0.01, 0.5, 10, 50, 10, np.random.RandomState(0), after_epoch=resident)
print(sizes)
'''


@pytest.mark.skipif(not os.path.exists('/proc/self/statm'), reason='resident memory is read from /proc')
def test_training_does_not_leak():
    """Resident memory after the 20th epoch and the 50th, of 800 minibatches each: 50 bytes kept of each would show."""
    run = subprocess.run([sys.executable, '-c', LEAK % (ROOT, ROOT)], stdout=subprocess.PIPE, universal_newlines=True,
                         check=True)
    sizes = [int(size) for size in run.stdout.rstrip().split('\n')[-1].strip('[]').split(',')]
    assert len(sizes) == 5 and sizes[4] - sizes[1] < 2**20, sizes


def test_50000_examples_take_at_most_500_mb(real_mnist):
    """The most that the script has at once, by the system's count of a process and its compilers."""
    code = 'import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True)\n' \
           'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)'
    run = subprocess.run([sys.executable, '-c', code, sys.executable, os.path.join(ROOT, 'mnist_convnet.py'),
                          'nepoch=1', 'W1nch=64'], stdout=subprocess.PIPE, universal_newlines=True, check=True)
    assert int(run.stdout.split()[-1]) * (1 if sys.platform == 'darwin' else 1024) < 500e6
