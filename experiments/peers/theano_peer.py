"""This project as a contender of bench.py, and, with 'stock' in the choice, the project without its own Ops.

Choice 'regularised': with dropout 0.5 in all hidden layers, weight decay, running means and shifts; 'distorted': with
rotations, zooms and elastic distortions.
"""
import functools
import os
import time
from types import SimpleNamespace

from theano_setup import theano
import numpy as np
import theano.tensor as T
from theano.sandbox.rng_mrg import MRG_RandomStreams

import convnet
import nnet
import protocol
import training
from convnet import ConvLayer
from nnet import FullLayer, Net, limit_norms, momentum, noise_key, running_means
from run.checkpoints import Checkpoint
from run.state import State
from run.progress import Progress
from run.signals import signals_received


class Theano:
    version = 'theano %s, numpy %s' % (theano.__version__, np.__version__)

    def __init__(self, X, t, params, job):
        if 'stock' in job['choice']:
            theano.compile.mode.instantiated_default_mode = theano.compile.get_default_mode().excluding('fused')
            nnet.dropout = convnet.dropout = stock_dropout
        decay, average, distort = job['decay'], 0., None
        if job['choice'] == 'regularised':
            decay, average, distort = 1e-4, 0.999, theano.shared(np.array([2., 0, 0, 0]))
            for layer in job['layers'][:-1]:
                layer['drop'] = 0.5
        elif job['choice'] == 'distorted':
            distort = theano.shared(np.array([0, 10, 0.1, 1]))
        rng = np.random.RandomState(0)
        self.net = Net(*[
            ConvLayer(*layer['Xdim'], layer['Wshape'][1], *layer['Wshape'][2:], layer['Wshape'][0], tuple(layer['ds']),
                      layer['afunc'], layer['bias'], rng=rng, st=tuple(layer['st']), pad=layer['pad'],
                      drop=layer['drop']) if layer['kind'] == 'conv' else
            FullLayer(*layer['Wshape'], layer['afunc'], layer['bias'], rng=rng, drop=layer['drop'])
            for layer in job['layers']])
        few = slice(job['batchsize'])                      # to validate and test: never used
        self.folder, self.data = job['folder'], SimpleNamespace(XL=X, tL=t, XV=X[few], tV=t[few], XT=X[few], tT=t[few],
                                                                K=job['layers'][-1]['Wshape'][1], source='')
        images, labels = T.tensor4('X'), T.ivector('t')
        cost = self.net.training_cost(images, labels)
        self.rate = theano.shared(np.zeros((), theano.config.floatX))
        updates, means = momentum(cost, self.net.params, self.rate, job['mu'], decay), []
        if job['maxnorm']:
            updates = limit_norms(updates, self.net.params, job['maxnorm'])
        self.velocities = [variable for variable in updates if variable not in self.net.params]
        if average:
            means, updates = running_means(updates, self.net.params, average)
        self.functions = training.compile_functions(self.net, self.data, images, labels, cost, updates, means, distort)
        ops = [node.op for node in self.functions.update.maker.fgraph.toposort()]
        if any(type(op).__module__.startswith('fused') for op in ops) and 'stock' in job['choice']:
            raise SystemExit('stock Theano has an Op of this project in its graph')
        self.start(params)

    def start(self, params):
        self.initial = [p for P in params for p in P]
        self.reset()

    def reset(self):
        for p, initial in zip(self.net.params, self.initial):
            p.set_value(initial)
        for v in self.velocities:
            v.set_value(np.zeros_like(v.get_value()))

    def train(self, order, etas):
        costs = []
        with signals_received() as signals, Progress(len(order)) as progress:
            for n, (minibatch, eta) in enumerate(zip(order, etas), 1):       # training.train's step
                noise_key.set_value(np.asarray(n))
                self.rate.set_value(np.asarray(eta, theano.config.floatX))
                costs.append(self.functions.update(minibatch))
                training.check_finite(costs[-1], 'in minibatch %d' % n)
                progress.show(n, 'bench')
                signals.check('after minibatch %d' % n)
        return np.mean(costs)

    def cost(self):
        with signals_received() as signals:
            return training.mean_over(self.functions.evaluate, self.data.XL, self.data.tL, signals)[0]

    def classes(self, X):
        return np.concatenate([self.predict(part) for part in np.split(X, range(1000, len(X), 1000))])

    @functools.cached_property
    def predict(self):
        X = T.tensor4()
        return theano.function([X], T.argmax(self.net.output(X), axis=1))

    def checkpoint(self):
        """Seconds of saving a checkpoint, median of 5."""
        path, times = os.path.join(self.folder, 'checkpoint.npz'), []
        state = State(self.net.params + self.velocities, np.random.RandomState(0), [])
        with Checkpoint(path, {}, self.data, True) as checkpoint:
            checkpoint.restore(self.net, state, 1, 1, {})
            for _ in range(5):
                start = time.perf_counter()
                checkpoint.save(self.net, state)
                times.append(time.perf_counter() - start)
        os.unlink(path)
        return sorted(times)[2]

    def layers(self):
        """For each conv layer, [seconds of forward, of forward and backward], a minibatch; [0, 0] where there is none.

        Theano functions of convolution and pooling alone, each with one number as its output so that
        nothing but its Ops is timed; the first layer's backward has no gradient for X, as in training.
        """
        times, X = [], theano.shared(self.data.XV)
        for n, layer in enumerate(layer for layer in self.net.layers if isinstance(layer, ConvLayer)):
            layer.afunc, afunc = 'linear', layer.afunc
            Z = layer.output(X)
            layer.afunc = afunc
            Z_now = Z.eval()
            gZ = theano.shared(np.random.RandomState(0).normal(size=Z_now.shape).astype(Z_now.dtype))
            grads = T.grad(None, [layer.W] + [X] * (n > 0), known_grads={Z: gZ})
            one = [A[(0,) * 4] for A in [Z] + grads]
            times.append([fastest(theano.function([], one[0])), fastest(theano.function([], sum(one)))])
            X = theano.shared(layer.output(X).eval())
        return times or [[0, 0]]


def stock_dropout(Z, drop, W):
    return Z * MRG_RandomStreams(1).binomial(Z.shape, p=1 - drop, dtype=Z.dtype) / (1 - drop)


def fastest(function):
    """Seconds of a call: the shortest mean of 20 within 5 tries."""
    tries = []
    for _ in range(6):                                     # the first is a warm-up
        start = time.perf_counter()
        for _ in range(20):
            function()
        tries.append((time.perf_counter() - start) / 20)
    return min(tries[1:])


if __name__ == '__main__':
    protocol.serve(Theano)
