"""Trains a net of 2 or 3 layers on MNIST by momentum SGD and prints its error log.

    python mnist_convnet.py                             or, in IPython:  %time %run mnist_convnet.py
    python mnist_convnet.py W1nch=64 "ds1=(4,4)"        any name below, given as name=value
"""
import contextlib
import os
import sys
import time

from run import settings as hyperparameters

# data
data = 'auto'            # MNIST, or digits drawn here if it cannot be had; 'mnist', 'drawn', or a folder of IDX files
NL = 50000               # examples to train: MNIST's 60000 less NV = 10000 to validate

# net
hidden = 'conv'          # hidden layers: 'conv', 'conv-conv', 'conv-full', 'full' or 'full-full'; then softmax
W1dim = (5, 5)           # rows and columns of a filter: about the width of two strokes
W1nch = 16               # filters: 64 take four times as long for slightly fewer errors
ds1 = (2, 2)             # pooling window: (4, 4) bears larger shifts, and is better
afunc1 = 'linear'        # 'linear', 'ReLu', 'sigmoid' or 'tanh'; max-pooling is not linear already
W2dim = (5, 5)           # the same for a second conv layer
W2nch = 16
ds2 = (2, 2)
afunc2 = 'linear'        # of the second layer, conv or fully connected
H1 = 1000                # units of a fully connected first layer
H2 = 400                 # units of a fully connected second layer
withBias = False         # biases in conv layers: the article's runs had none; they change little, either way
Wsigma = 0.1             # standard deviation of the hidden layers' initial weights

# training
eta = 0.5                # learning rate; larger than usual, as momentum multiplies it by 1 - mu
mu = 0.8                 # momentum
batchsize = 100          # examples in a minibatch
nepoch = 50              # passes through the NL examples
interval = 10            # epochs between printed lines
seed = 0                 # of initial weights and order of examples: repeat with others before believing a figure

# files
checkpoint = ''          # 'FILE.npz' keeps the state of the training after every epoch and when it is stopped
resume = False           # True goes on from the checkpoint, where there is one, as if it had never been stopped
save = ''                # 'NET.npz' keeps the trained net: experiments/predict.py and pictures.py use it

settings = hyperparameters.override(globals(), sys.argv[1:])

import theano_setup  # noqa: E402,F401  before Theano, which it sets up
import numpy as np  # noqa: E402
import theano  # noqa: E402
import mnist  # noqa: E402
import mlp_2layer  # noqa: E402
import mlp_3layer  # noqa: E402
from run import saving  # noqa: E402
import training  # noqa: E402
from convnet import ConvLayer  # noqa: E402
from nnet import FullLayer  # noqa: E402

start = time.time()
log = []                 # the lines printed, as training goes on
rng = np.random.RandomState(seed)
try:
    Xnch, Xrow, Xcol = mnist.image_size(data)
    with hyperparameters.named('layer 1'):
        if hidden in ('full', 'full-full'):
            layer1 = FullLayer(Xnch * Xrow * Xcol, H1, afunc1, Wsigma=Wsigma, rng=rng)
        else:
            layer1 = ConvLayer(Xrow, Xcol, Xnch, *W1dim, W1nch, ds1, afunc1, withBias, Wsigma, rng)
    with hyperparameters.named('layer 2'):
        if hidden in ('conv-full', 'full-full'):
            layer2 = FullLayer(layer1.H, H2, afunc2, Wsigma=Wsigma, rng=rng)
        elif hidden == 'conv-conv':
            layer2 = ConvLayer(layer1.Zrow, layer1.Zcol, layer1.Wnch, *W2dim, W2nch, ds2, afunc2, withBias, Wsigma, rng)

    data = mnist.load(data, NL)
    with hyperparameters.named('softmax layer'):
        if hidden in ('conv', 'full'):
            net = mlp_2layer.Net(layer1, data.K, rng)
        else:
            net = mlp_3layer.Net(layer1, layer2, data.K, rng)

    with saving.Checkpoint(checkpoint, settings, data, resume) if checkpoint else contextlib.nullcontext() as state:
        print('# data: %s' % data.source)
        print('# seed: %d theano: %s numpy: %s' % (seed, theano.__version__, np.__version__), flush=True)
        training.train(net, data, eta, mu, batchsize, nepoch, interval, rng, log, state)
    if save:
        saving.save_net(save, net, data, settings)
    if 'not MNIST' in data.source:
        print('# data: %s' % data.source)
except mnist.DataError as error:
    hyperparameters.stop(error)
except MemoryError as error:
    hyperparameters.stop('out of memory: %s: lower W1nch, W2nch, H1, H2 or batchsize' % error)
except saving.SavingError as error:
    hyperparameters.stop(error, status=1)
except OSError as error:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())      # what is left goes nowhere
    hyperparameters.stop('%s: %s' % (error.filename or 'stdout', error.strerror or error),
                         status=141 if isinstance(error, BrokenPipeError) else 1)
except training.NotFinite as error:
    hyperparameters.stop(error, status=3)
except training.Stopped as error:
    hyperparameters.stop(error, status=143 if error.signal == 'SIGTERM' else 130)
except KeyboardInterrupt:
    hyperparameters.stop('stopped by Ctrl-C', status=130)
print('# threads: %s wall time: %.1f s' % (os.environ['OMP_NUM_THREADS'], time.time() - start), file=sys.stderr)
