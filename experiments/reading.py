"""One trial of a reading of the article: mnist_convnet.py, with what the article leaves open read in another way.

    python experiments/reading.py formula=before eta=0.025 hidden=conv-conv seed=1

Settings that are not told are those below, from which the search began, and those of mnist_convnet.py.
"""
import functools
import os
import runpy
import sys

import paths
from theano_setup import theano
import numpy as np
import theano.tensor as T

import nnet
import training
from run import script, settings

# How the weights W follow from the velocity v and the gradient g of the cost.
FORMULAS = {
    # v <- mu v - eta g, W <- W + v: as in textbooks
    'textbook': lambda W, v, g, eta, mu: (mu * v - eta * g, W + mu * v - eta * g),
    # the average of past gradients, of which the newest has weight 1 - mu
    'average': lambda W, v, g, eta, mu: (mu * v - (1 - mu) * eta * g, W + mu * v - (1 - mu) * eta * g),
    # the same two with the velocity from before the step: what Theano makes of updates=[(W, W + v), (v, ...)]
    'before': lambda W, v, g, eta, mu: (mu * v - eta * g, W + v),
    'average-before': lambda W, v, g, eta, mu: (mu * v - (1 - mu) * eta * g, W + v),
    # Nesterov's, in the form that has the gradient at W
    'nesterov': lambda W, v, g, eta, mu: (mu * v - eta * g, W + mu * (mu * v - eta * g) - eta * g),
}

formula = 'textbook'     # how the velocity is made and used
inputs = False           # hidden layers' initial weights N(0, 1 / (inputs of a unit)), not N(0, Wsigma^2)
softmax = 0.005          # standard deviation of the softmax layer's initial weights
mean = True              # the mean image is subtracted
scale = 255              # by which pixels are divided
order = 'anew'           # of examples: drawn 'anew' for each epoch, or 'once'

RULES = {
    'formula': settings.one_of(*FORMULAS),
    'inputs': settings.BOOL,
    'softmax': (settings.is_number, 'a finite number of at least 0'),
    'mean': settings.BOOL,
    'scale': (lambda value: settings.is_number(value) and value > 0, 'a finite number above 0'),
    'order': settings.one_of('anew', 'once'),
}


def momentum(cost, params, formula, eta, mu):
    """Updates of one step by a formula, {shared variable: its next value}, like nnet.momentum."""
    eta, updates = theano.shared(np.asarray(eta, theano.config.floatX), 'eta'), {}
    for W, g in zip(params, T.grad(cost, params)):
        v = theano.shared(np.zeros_like(W.get_value()), 'v_%s' % W.name)
        updates[v], updates[W] = FORMULAS[formula](W, v, g, eta, mu)
    return updates


class OrderOnce(np.random.RandomState):
    """Draws one order of examples, and gives it for every epoch."""
    permutation = functools.lru_cache(maxsize=None)(np.random.RandomState.permutation)


def set_spreads(net, inputs, softmax):
    """Gives the initial weights of a net other standard deviations; the draws stay the same."""
    *hidden, last = net.layers
    for layer in hidden if inputs else []:
        W = layer.W.get_value()
        fan_in = np.prod(W.shape[1:]) if W.ndim == 4 else W.shape[0]
        layer.W.set_value(W * W.dtype.type(fan_in ** -0.5 / W.std(dtype='float64')))
    W = last.W.get_value()
    last.W.set_value(W * W.dtype.type(softmax / nnet.SOFTMAX_SIGMA))


def with_pixels(data, mean, scale):
    """The data set with pixels / scale, less their mean image or not."""
    subtracted = data.XL.mean(axis=0, dtype='float64').astype('float32') if mean else 0
    return data._replace(**{
        part: (getattr(data, part) - subtracted) * np.float32(255 / scale) for part in ('XL', 'XV', 'XT')})


def train(net, data, eta, mu, batchsize, nepoch, interval, rng, log=None, checkpoint=None, **regularisation):
    """training.train, as the settings above read the article."""
    set_spreads(net, inputs, softmax)
    if order == 'once':
        once = OrderOnce()
        once.set_state(rng.get_state())
        rng = once
    optimiser = None if formula == 'textbook' else functools.partial(momentum, formula=formula, eta=eta, mu=mu)
    data = with_pixels(data, mean, scale)
    return original_train(net, data, eta, mu, batchsize, nepoch, interval, rng, log, checkpoint, optimiser,
                          **regularisation)


if __name__ == '__main__':
    own = [argument for argument in sys.argv[1:] if argument.partition('=')[0] in RULES]
    with script.ending():
        chosen = settings.parse(__doc__, globals(), RULES, own)
        globals().update(chosen)
    print('# reading: ' + (' '.join(settings.typed(name, value) for name, value in chosen.items())))
    original_train, training.train = training.train, train
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument not in own]
    runpy.run_path(os.path.join(paths.ROOT, 'mnist_convnet.py'), run_name='__main__')
