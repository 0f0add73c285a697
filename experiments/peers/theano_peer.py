"""This project as a contender, and, with 'stock' in the choice, the project with every rewrite of its own off."""
import os
import sys
import time
from types import SimpleNamespace

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
from theano_setup import theano  # noqa: E402
import numpy as np  # noqa: E402
import theano.tensor as T  # noqa: E402

stock_rewrites = set(theano.compile.optdb.__db__)
import mlp_2layer  # noqa: E402
import mlp_3layer  # noqa: E402
import protocol  # noqa: E402
from run import saving  # noqa: E402
import training  # noqa: E402
from convnet import ConvLayer  # noqa: E402
from nnet import FullLayer  # noqa: E402


class Theano:
    version = 'theano %s, numpy %s' % (theano.__version__, np.__version__)

    def __init__(self, X, t, params, job):
        if 'stock' in job['choice']:
            ours = set(theano.compile.optdb.__db__) - stock_rewrites
            theano.compile.mode.instantiated_default_mode = theano.compile.get_default_mode().excluding(*ours)
        rng = np.random.RandomState(0)
        hidden = [ConvLayer(*layer['Xdim'], layer['Wshape'][1], *layer['Wshape'][2:], layer['Wshape'][0], tuple(layer['ds']),
                            layer['afunc'], withBias=False, rng=rng) if layer['kind'] == 'conv' else
                  FullLayer(*layer['Wshape'], layer['afunc'], rng=rng) for layer in job['layers'][:-1]]
        Net = mlp_2layer.Net if len(hidden) == 1 else mlp_3layer.Net
        self.net = Net(*hidden, job['layers'][-1]['Wshape'][1], rng)
        self.initial = [p for P in params for p in P]
        few = slice(job['batchsize'])                      # to validate and test: never used
        self.folder, self.data = job['folder'], SimpleNamespace(XL=X, tL=t, XV=X[few], tV=t[few], XT=X[few], tT=t[few])
        self.X = X[few]
        self.functions = training.compile_net(self.net, self.data, job['eta'], job['mu'])
        fused = any(type(node.op).__module__.startswith('fused') for node in self.functions.update.maker.fgraph.toposort())
        if fused and 'stock' in job['choice']:
            raise SystemExit('stock Theano has an Op of this project in its graph')

    def reset(self):
        for p, initial in zip(self.net.params, self.initial):
            p.set_value(initial)
        for v in self.functions.velocities:
            v.set_value(np.zeros_like(v.get_value()))

    def train(self, order):
        costs = []
        with training.Progress(1, len(order)) as progress:
            training.train_epoch(lambda index: costs.append(self.functions.update(index)) or costs[-1],
                                 list(order), 1, (), progress)
        return np.mean(costs)

    def cost(self):
        return training.mean_over(self.functions.evaluate, self.data.XL, self.data.tL)[0]

    def checkpoint(self):
        """Seconds of saving a checkpoint, median of 5."""
        path = os.path.join(self.folder, 'checkpoint.npz')
        params, velocities = ([v.get_value() for v in variables] for variables in (self.net.params, self.functions.velocities))
        state = saving.State(1, 0, np.random.RandomState(0).get_state(), [], params, velocities)
        times = []
        with saving.Checkpoint(path, {}, self.data, True) as checkpoint:
            for _ in range(5):
                start = time.perf_counter()
                checkpoint.save(state)
                times.append(time.perf_counter() - start)
        os.unlink(path)
        return sorted(times)[2]

    def layers(self):
        """For each conv layer, [seconds of forward, of forward and backward], a minibatch.

        Theano functions of convolution and pooling alone, each with one number as its output so that
        nothing but its Ops is timed; the first layer's backward has no gradient for X, as in training.
        """
        times, X = [], theano.shared(self.X)
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
        return times


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
