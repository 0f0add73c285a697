"""Trains a net of 2 to 4 layers on MNIST by momentum SGD and prints its error log.

    python mnist_convnet.py                             or, in IPython:  %time %run mnist_convnet.py
    python mnist_convnet.py W1nch=64 "ds1=(4,4)"        any name below, given as name=value
"""
import contextlib
import os
import sys
import time

from theano_setup import theano
import numpy as np

import mlp_2layer
import mlp_3layer
import mlp_4layer
import mnist
import training
from convnet import ConvLayer
from nnet import FullLayer, random_stream
from run import checkpoints, hyperparameters, saved_nets, script

# data
data = 'auto'            # MNIST, or digits drawn here if it cannot be had; 'mnist', 'drawn', or a folder of IDX files
NL = 50000               # examples to train: MNIST's 60000 less NV = 10000 to validate

# net
hidden = 'conv'          # hidden layers, joined by '-': 'conv', 'conv-conv', 'conv-full', 'conv-conv-full', 'full', ...
W1dim = (5, 5)           # rows and columns of a filter: about the width of two strokes
W1nch = 16               # filters: 64 take four times as long for slightly fewer errors
ds1 = (2, 2)             # pooling window: (4, 4) bears larger shifts, and is better
afunc1 = 'linear'        # 'linear', 'ReLu', 'sigmoid' or 'tanh'; max-pooling is not linear already
H1 = 1000                # units of a fully connected first layer
W2dim = (5, 5)           # the same for the second layer, conv or fully connected
W2nch = 16
ds2 = (2, 2)
afunc2 = 'linear'
H2 = 400
afunc3 = 'linear'        # of the third layer, which is fully connected
H3 = 400
withBias = False         # biases in conv layers: the article's runs had none; they change little, either way
Wsigma = 0.05            # standard deviation of the hidden layers' initial weights

# training
eta = 0.05               # learning rate: ten times less than the article says, but what its logs show
mu = 0.8                 # momentum
batchsize = 100          # examples in a minibatch
nepoch = 50              # passes through the NL examples
interval = 10            # epochs between printed lines
seed = 0                 # of initial weights and order of examples: repeat with others before believing a figure

# files
checkpoint = ''          # 'FILE.npz' keeps the state of the training after every epoch and when it is stopped
resume = False           # True resumes from the checkpoint, where there is one, as if it had never been stopped
change = ''              # what may be another then than it was: 'eta', 'mu', 'batchsize', joined by commas
save = ''                # 'NET.npz' keeps the trained net: experiments/predict.py and pictures.py use it

with script.ending():
    settings = hyperparameters.from_command_line(__doc__, globals(), sys.argv[1:])
    start, rng = time.time(), random_stream(seed, 'weights')

    layers, shape = [], mnist.image_size(data)
    for n, kind in enumerate(hidden.split('-'), 1):
        afunc = settings['afunc%d' % n]
        with script.named('layer %d' % n):
            if kind == 'full':
                layers.append(FullLayer(int(np.prod(shape)), settings['H%d' % n], afunc, Wsigma=Wsigma, rng=rng))
            else:
                Wdim, Wnch, ds = (settings[name % n] for name in ('W%ddim', 'W%dnch', 'ds%d'))
                layers.append(ConvLayer(*shape[1:], shape[0], *Wdim, Wnch, ds, afunc, withBias, Wsigma, rng))
        shape = layers[-1].Zshape

    dataset = mnist.load(data, NL)
    with script.named('softmax layer'):
        net = {1: mlp_2layer, 2: mlp_3layer, 3: mlp_4layer}[len(layers)].Net(*layers, dataset.K, rng)

    with contextlib.ExitStack() as files:
        if save:
            files.enter_context(saved_nets.kept_at_end(save, net, dataset, settings))
        kept = checkpoint and files.enter_context(
            checkpoints.Checkpoint(checkpoint, settings, dataset, resume, change.split(',')))
        print('# data: %s' % dataset.source)
        print('# seed: %d theano: %s numpy: %s' % (seed, theano.__version__, np.__version__))
        print(hyperparameters.settings_line(settings), flush=True)
        for line in kept.changes if kept else []:
            print('# changed from ' + line)
        log = []                         # the lines printed, as training proceeds
        training.train(net, dataset, eta, mu, batchsize, nepoch, interval, random_stream(seed, 'order'), log, kept)
    if 'not MNIST' in dataset.source:
        print('# data: %s' % dataset.source)
    print('# threads: %s wall time: %.1f s' % (os.environ['OMP_NUM_THREADS'], time.time() - start), file=sys.stderr)
