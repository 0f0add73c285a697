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

import mnist
import training
from convnet import ConvLayer
from nnet import FullLayer, random_stream
from run import checkpoints, hyperparameters, saved_nets, script

# data
data = 'auto'            # MNIST, or digits drawn here if it cannot be had; 'mnist', 'drawn', or a folder of IDX files
NL = 50000               # examples to train, of MNIST's 60000
NV = None                # examples to validate, the last; None: a sixth, 10000 of MNIST; 0: none, for a last run on all

# net
hidden = 'conv'          # hidden layers, joined by '-': 'conv', 'conv-conv', 'conv-full', 'conv-conv-full', 'full', ...
W1dim = (5, 5)           # rows and columns of a filter: about the width of two strokes
W1nch = 16               # filters: 64 take four times as long for slightly fewer errors
ds1 = (2, 2)             # pooling window: (4, 4) bears larger shifts, and is better
st1 = None               # rows and columns by which the window moves; None: as ds1, side by side
pad1 = 0                 # zeros around the images: 2 keep their size under a filter of (5, 5)
afunc1 = 'linear'        # 'linear', 'ReLu', 'sigmoid' or 'tanh'; max-pooling is not linear already
H1 = 1000                # units of a fully connected first layer
W2dim, W2nch, ds2, st2, pad2, afunc2, H2 = (5, 5), 16, (2, 2), None, 0, 'linear', 400         # of the second layer
W3dim, W3nch, ds3, st3, pad3, afunc3, H3 = (3, 3), 16, (2, 2), None, 0, 'linear', 400         # of the third
withBias = False         # biases in conv layers: the article's runs had none; they change little, either way
Wsigma = 0.05            # standard deviation of the hidden layers' initial weights; 'He': from their number of inputs

# training
eta = 0.05               # learning rate: ten times less than the article says, but what its logs show
mu = 0.8                 # momentum; (0.5, 0.99, 10): it rises from 0.5 to 0.99 over 10 epochs
schedule = 'constant'    # 'linear' and 'cosine' let eta fall to 0 over the epochs
warmup = 0               # epochs over which eta rises from 0 first
batchsize = 100          # examples in a minibatch
nepoch = 50              # passes through the NL examples
interval = 10            # epochs between printed lines
seed = 0                 # of all that is random: repeat with others before believing a figure

# regularisation: 0 is none
drop1 = drop2 = drop3 = 0.      # share of a layer's outputs left out while training
decay = 0.                      # weight decay of all W
maxnorm = 0.                    # limit to the norm of each filter, and of each unit's weights
average = 0.                    # decay of a running mean of the weights, which is evaluated and saved
shift, rotate, zoom, elastic = 0, 0., 0., 0.    # of each image anew, at most: pixels, degrees, share; pixels (rms)
refine = 0                      # last epochs, without these distortions

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
        afunc, drop = settings['afunc%d' % n], settings['drop%d' % n]
        with script.named('layer %d' % n):
            if kind == 'full':
                layers += [FullLayer(int(np.prod(shape)), settings['H%d' % n], afunc, True, Wsigma, rng, drop)]
            else:
                dim, Wnch, ds, st, pad = (settings[name % n] for name in ('W%ddim', 'W%dnch', 'ds%d', 'st%d', 'pad%d'))
                layers += [ConvLayer(*shape[1:], shape[0], *dim, Wnch, ds, afunc, withBias, Wsigma, rng, st, pad, drop)]
        shape = layers[-1].Zshape

    dataset = mnist.load(data, NL, NV=NV)
    with script.named('softmax layer'):
        net = saved_nets.net_of(layers, dataset.K, rng)

    with contextlib.ExitStack() as files:
        if save:
            files.enter_context(saved_nets.kept_at_end(save, net, dataset, settings))
        kept = checkpoint and files.enter_context(
            checkpoints.Checkpoint(checkpoint, settings, dataset, resume, change.split(',')))
        print('# data: %s' % dataset.source)
        print('# seed: %d theano: %s numpy: %s' % (seed, theano.__version__, np.__version__))
        print(hyperparameters.settings_line(settings), flush=True)
        log = []                         # the lines printed, as training proceeds
        training.train(net, dataset, eta, mu, batchsize, nepoch, interval, random_stream(seed, 'order'), log, kept,
                       decay=decay, maxnorm=maxnorm, average=average, schedule=schedule, warmup=warmup,
                       distort=(shift, rotate, zoom, elastic), seed=seed, refine=refine)
    if 'not MNIST' in dataset.source:
        print('# data: %s' % dataset.source)
    print('# threads: %s wall time: %.1f s' % (os.environ['OMP_NUM_THREADS'], time.time() - start), file=sys.stderr)
