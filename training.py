"""The training loop: momentum SGD over shuffled minibatches, and the error log it prints."""
import collections
import contextlib
import signal
import sys
import threading
import time

import numpy as np
import theano
import theano.tensor as T

import fused  # noqa: F401  compiles conv2d + pool_2d to one Op; without this line, stock Theano
from nnet import momentum_updates, velocities_at_rest

LARGE = 1000                       # examples evaluated at once
Functions = collections.namedtuple('Functions', 'update evaluate velocities')


class NotFinite(Exception):
    """The cost is not a finite number: training has diverged."""


class Stopped(Exception):
    """Ctrl-C was pressed, and training has stopped after a minibatch."""


def train(net, data, eta, mu, batchsize, nepoch, interval, rng, log=None):
    """Trains the net for nepoch epochs, printing the error log; returns its lines, a list or the one given.

    Each epoch uses every training example once, in an order drawn from rng, a numpy RandomState.
    A line is printed before the first epoch, every interval epochs and after the last one.
    Raises NotFinite within the minibatch whose cost is not finite, Stopped after the minibatch, or the
    batch evaluated, during which Ctrl-C was pressed.
    """
    NL, NV, NT = len(data.tL), len(data.tV), len(data.tT)
    log = [] if log is None else log
    functions = compile_net(net, data, eta, mu)
    with ctrl_c() as pressed, Progress(nepoch, -(-NL // batchsize)) as progress:

        def say(*columns):
            log.append(' '.join(python2_str(column) for column in columns))
            progress.clear()
            print(log[-1], flush=True)

        for line in net.log_header():
            say(line)
        say('### training: NL = %d NV = %d K = %d batchsize = %d' % (NL, NV, data.K, batchsize))
        for epoch in range(nepoch + 1):
            if epoch > 0:
                order = rng.permutation(NL).astype('int32')
                batches = [order[first:first + batchsize] for first in range(0, NL, batchsize)]
                train_epoch(functions.update, batches, epoch, pressed, progress)
            if epoch % interval == 0 or epoch == nepoch:
                cost, error = mean_over(functions.evaluate['L'], NL, pressed)
                check_finite(cost, 'after epoch %d' % epoch)
                error_V = mean_over(functions.evaluate['V'], NV, pressed)[1]
                say(epoch, cost, error, error_V)
        say('# NT = %d' % NT)
        cost_T, error_T = mean_over(functions.evaluate['T'], NT, pressed)
        say(nepoch, cost_T, error, error_V, error_T)
    return log


def train_epoch(update, batches, epoch, pressed, progress):
    """One update for each minibatch of training indices."""
    for n, batch in enumerate(batches, 1):
        where = 'epoch %d, minibatch %d of %d' % (epoch, n, len(batches))
        check_finite(update(batch), 'in ' + where)
        if pressed:
            raise Stopped('stopped by Ctrl-C after ' + where)
        progress.show(epoch, n)


def check_finite(cost, where):
    if not np.isfinite(cost):
        raise NotFinite('the cost is %s %s: lower eta or the initial spread Wsigma' % (cost, where))


def mean_over(evaluate, N, pressed=()):
    """(mean cost, error in %) over N examples."""
    sums = np.zeros(2)
    for start in range(0, N, LARGE):
        stop = min(start + LARGE, N)
        sums += (stop - start) * np.array(evaluate(start, stop), 'float64')
        if pressed:
            raise Stopped('stopped by Ctrl-C while evaluating')
    return sums[0] / N, 100 * np.round(sums[1]) / N


def compile_net(net, data, eta, mu):
    """Theano functions of a net on a data set.

    update(index): one step of momentum SGD on the training examples at index, int32 (batchsize,); returns
    the minibatch's mean cost before the step. evaluate[part](start, stop), part 'L', 'V' or 'T': mean cost
    and share of errors over examples start to stop. velocities: a shared variable for each parameter.
    """
    X, t, index = T.tensor4('X'), T.ivector('t'), T.ivector('index')
    start, stop = T.iscalar('start'), T.iscalar('stop')
    parts = {part: (theano.shared(images, 'X' + part), theano.shared(labels, 't' + part))
             for part, images, labels in (('L', data.XL, data.tL), ('V', data.XV, data.tV), ('T', data.XT, data.tT))}
    velocities = velocities_at_rest(net.params)
    cost, error = net.cost(X, t), net.error(X, t)
    slow = threading.Timer(6, print, ['# compiling: the first time takes a minute or so'], {'file': sys.stderr})
    slow.start()
    try:
        with contextlib.redirect_stdout(sys.stderr):        # what Theano prints is not part of the log
            XL, tL = parts['L']
            update = theano.function([index], cost, updates=momentum_updates(cost, net.params, velocities, eta, mu),
                                     givens={X: XL[index], t: tL[index]})
            evaluate = {part: theano.function([start, stop], [cost, error], givens={X: XP[start:stop], t: tP[start:stop]})
                        for part, (XP, tP) in parts.items()}
    finally:
        slow.cancel()
    return Functions(update, evaluate, velocities)


def python2_str(value):
    """A value as Python 2 printed it: floats with 12 significant digits, whole ones with .0."""
    if not isinstance(value, float):
        return str(value)
    text = '%.12g' % value
    return text + '.0' if text.lstrip('-').isdigit() else text


@contextlib.contextmanager
def ctrl_c():
    """Yields a list that is empty until Ctrl-C is pressed, which then does nothing else."""
    pressed = []
    if threading.current_thread() is not threading.main_thread():     # signals reach the main thread only
        yield pressed
        return
    previous = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, previous)


class Progress:
    """Progress of the epoch and time left of the run, on stderr where that is a terminal: tqdm's bar, or a line."""

    def __init__(self, nepoch, nbatch):
        self.nepoch, self.nbatch, self.bar, self.last = nepoch, nbatch, None, 0
        notebook = type(sys.stderr).__module__ == 'ipykernel.iostream'
        self.terminal = notebook or sys.stderr is not None and sys.stderr.isatty()
        if self.terminal:
            try:
                from tqdm import tqdm
                self.bar = tqdm(total=nbatch, file=sys.stderr, leave=False, dynamic_ncols=True, unit='minibatch')
            except ImportError:
                pass

    def __enter__(self):
        return self

    def show(self, epoch, n):
        now = time.monotonic()
        if not self.terminal or now - self.last < 0.1 and n < self.nbatch:
            return
        if (epoch, n) == (1, 1) or not self.last:
            self.start = now
        self.last = now
        done = (epoch - 1) * self.nbatch + n
        left = (now - self.start) * (self.nepoch * self.nbatch / done - 1)
        words = 'epoch %d/%d, %d:%02d left' % (epoch, self.nepoch, left // 60, left % 60)
        if self.bar is not None:
            self.bar.set_description(words, refresh=False)
            self.bar.n = n
            self.bar.refresh()
        else:
            print('\r%s  ' % words, end='', file=sys.stderr, flush=True)

    def clear(self):
        if self.bar is not None:
            self.bar.clear()
        elif self.terminal:
            print('\r%40s\r' % '', end='', file=sys.stderr, flush=True)

    def __exit__(self, *_):
        self.clear()
        if self.bar is not None:
            self.bar.close()
