"""Small nets and data that several tests share."""
import subprocess
import sys

import numpy as np

import mlp_2layer
import mlp_3layer
import mnist
from conftest import ROOT
from convnet import ConvLayer
from nnet import FullLayer
from run.hyperparameters import HIDDEN
from run.saved_nets import NETS

HIDDEN = list(HIDDEN)


def net_of(hidden, rng, Xshape=(2, 8, 9), K=3):
    """A small net with the hidden layers named, each of them with another activation function."""
    layers, shape = [], Xshape
    for n, kind in enumerate(hidden.split('-')):
        afunc = ['tanh', 'sigmoid', 'ReLu'][n]
        if kind == 'full':
            layers.append(FullLayer(int(np.prod(shape)), 6 - n, afunc, True, 0.3, rng))
        elif n == 0:
            layers.append(ConvLayer(*shape[1:], shape[0], 3, 2, 4, (2, 3), afunc, True, 0.3, rng))
        else:
            layers.append(ConvLayer(*shape[1:], shape[0], 2, 3 - n, 3, (n, 2), afunc, True, 0.3, rng))
        shape = layers[-1].Zshape
    return NETS[len(layers) + 1](*layers, K, rng)


def small_data(NL=110, seed=0):
    """Data of two classes, 6 x 7 pixels in one channel."""
    rng = np.random.RandomState(seed)
    t = rng.randint(2, size=NL + 40).astype('int32')
    X = (rng.normal(size=(NL + 40, 1, 6, 7)) + t[:, None, None, None]).astype('float32')
    return mnist.Data('two classes', X[:NL], t[:NL], X[NL:NL + 20], t[NL:NL + 20], X[-20:], t[-20:], 1, 6, 7, 2)


def small_net(seed=0):
    """42 inputs, five tanh units, two classes: for small_data."""
    rng = np.random.RandomState(seed)
    return mlp_2layer.Net(FullLayer(42, 5, 'tanh', rng=rng), 2, rng)


def conv_full_net(seed=0):
    """For images of 2 x 7 x 6 and three classes."""
    rng = np.random.RandomState(seed)
    return mlp_3layer.Net(ConvLayer(7, 6, 2, 3, 2, 4, (2, 3), 'ReLu', True, rng=rng), FullLayer(24, 5, 'tanh', rng=rng),
                          3, rng)


class NoData:
    """What saving asks of a Data, for conv_full_net."""
    K, source = 3, 'made up'
    XL = XV = XT = np.zeros((1, 2, 7, 6), 'float32')
    tL = tV = tT = np.zeros(1, 'int32')


def contents(path):
    """Everything in an .npz file, as bytes by name."""
    with np.load(str(path), allow_pickle=False) as file:
        return {name: file[name].tobytes() for name in file.files}


def start(*arguments, script='mnist_convnet.py', options=(), **keywords):
    """A process of the script that has just been started."""
    return subprocess.Popen([sys.executable, *options, script, *arguments], cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, universal_newlines=True, **keywords)


def wait_for(process, beginning):
    """Reads its stdout up to a line that begins so."""
    while not process.stdout.readline().startswith(beginning):
        assert process.poll() is None, process.stderr.read()


def assert_one_line(run, status, text):
    """Of a finished process: it says one line, with the text, beside those of '# ', and has this status."""
    assert run.returncode == status, run.stderr
    assert text in run.stderr and 'Traceback' not in run.stderr
    assert len([line for line in run.stderr.split('\n') if line and not line.startswith('#')]) == 1, run.stderr
