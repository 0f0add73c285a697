"""The training loop: momentum SGD over shuffled minibatches, and the error log it prints."""
import collections
import contextlib
import os
import signal
import sys
import threading
import time

import numpy as np
import theano
import theano.tensor as T

import fused  # noqa: F401  compiles conv2d + pool_2d to one Op; without this line, stock Theano
from nnet import momentum_updates, velocities_at_rest
from run.saving import State

LARGE = 1000                       # examples evaluated at once
Functions = collections.namedtuple('Functions', 'update evaluate velocities')


class NotFinite(Exception):
    """The cost is not a finite number: training has diverged."""


class Stopped(Exception):
    """A signal came, and training has stopped after a minibatch; signal: its name, minibatch: how many are done."""

    def __init__(self, signal, where, minibatch=None):
        super().__init__('stopped by %s %s' % ('Ctrl-C' if signal == 'SIGINT' else signal, where))
        self.signal, self.minibatch = signal, minibatch


def train(net, data, eta, mu, batchsize, nepoch, interval, rng, log=None, checkpoint=None):
    """Trains the net for nepoch epochs, printing the error log; returns its lines, a list or the one given.

    Each epoch uses every training example once, in an order drawn from rng, a numpy RandomState.
    A line is printed before the first epoch, every interval epochs and after the last one.
    checkpoint: a saving.Checkpoint to go on from and to save after every epoch and when stopped, or None.
    Raises NotFinite within the minibatch whose cost is not finite, Stopped after the minibatch, or the
    batch evaluated, during which Ctrl-C was pressed or SIGTERM came; SavingError.
    """
    NL, NT = len(data.tL), len(data.tT)
    log = [] if log is None else log
    functions = compile_net(net, data, eta, mu)
    variables = net.params, functions.velocities
    state = checkpoint and checkpoint.loaded
    with signals() as came, Progress(nepoch, -(-NL // batchsize)) as progress:

        def say(*columns):
            log.append(' '.join(python2_str(column) for column in columns))
            progress.clear()
            print(log[-1], flush=True)

        if state:
            restore(state, variables, rng)
            for line in state.log:
                say(line)
        else:
            for line in net.log_header():
                say(line)
            say('### training: NL = %d NV = %d K = %d batchsize = %d' % (NL, len(data.tV), data.K, batchsize))
        first_epoch, done = (state.epoch, state.minibatch) if state else (0, 0)
        for epoch in range(first_epoch, nepoch + 1):
            random = rng.get_state()
            batches = minibatches(rng.permutation(NL).astype('int32'), batchsize) if epoch > 0 else []
            try:
                train_epoch(functions.update, batches, epoch, came, progress, done)
                done = len(batches)
                if epoch % interval == 0 or epoch == nepoch:
                    cost, error = mean_over(functions.evaluate, data.XL, data.tL, came)
                    check_finite(cost, 'after epoch %d' % epoch)
                    say(epoch, cost, error, mean_over(functions.evaluate, data.XV, data.tV, came)[1])
            except Stopped as stopped:
                if checkpoint:
                    minibatch = done if stopped.minibatch is None else stopped.minibatch
                    checkpoint.save(state_of(epoch, minibatch, random, log, variables))
                raise
            done = 0
            if checkpoint:
                state = state_of(epoch + 1, 0, rng.get_state(), log, variables)
                check_finite(sum(W.sum(dtype='float64') for W in state.params), 'after epoch %d' % epoch, 'sum of the weights')
                checkpoint.save(state)
        errors = log[-1].split()[2:4]
        cost_T, error_T = mean_over(functions.evaluate, data.XT, data.tT, came)
        say('# NT = %d' % NT)
        say(nepoch, cost_T, *errors, error_T)
    return log


def minibatches(order, batchsize):
    """The indices of an epoch's examples, cut into minibatches; the last one may be smaller."""
    return [order[first:first + batchsize] for first in range(0, len(order), batchsize)]


def state_of(epoch, minibatch, random, log, variables):
    """What it takes to go on with this epoch after so many minibatches; random: of rng before the epoch."""
    params, velocities = ([v.get_value(borrow=True) for v in variables] for variables in variables)
    return State(epoch, minibatch, random, list(log), params, velocities)


def restore(state, variables, rng):
    """Takes parameters, velocities and rng back to a state."""
    for values, shared in zip((state.params, state.velocities), variables):
        for value, variable in zip(values, shared):
            variable.set_value(value)
    rng.set_state(state.random)


def train_epoch(update, batches, epoch, came, progress, done=0):
    """One update for each minibatch of training indices, after those already done."""
    for n, batch in enumerate(batches[done:], done + 1):
        where = 'epoch %d, minibatch %d of %d' % (epoch, n, len(batches))
        check_finite(update(batch), 'in ' + where)
        if came:
            raise Stopped(came[0], 'after ' + where, n)
        progress.show(epoch, n)


def check_finite(value, where, name='cost'):
    if not np.isfinite(value):
        raise NotFinite('the %s is %s %s: lower eta or the initial spread Wsigma' % (name, value, where))


def mean_over(evaluate, images, labels, came=()):
    """(mean cost, error in %) over the examples, in large batches."""
    sums, N = np.zeros(2), len(labels)
    for start in range(0, N, LARGE):
        X, t = images[start:start + LARGE], labels[start:start + LARGE]
        sums += len(t) * np.array(evaluate(X, t), 'float64')
        if came:
            raise Stopped(came[0], 'while evaluating')
    return sums[0] / N, 100 * np.round(sums[1]) / N


def compile_net(net, data, eta, mu):
    """Theano functions of a net on a data set.

    update(index): one step of momentum SGD on the training examples at index, int32 (batchsize,); returns
    the minibatch's mean cost before the step. evaluate(X, t): mean cost and share of errors over the images
    and labels given. velocities: a shared variable for each parameter.
    """
    X, t, index = T.tensor4('X'), T.ivector('t'), T.ivector('index')
    images = data.XL.astype(theano.config.floatX, copy=False)
    XL, tL = theano.shared(images, 'XL', borrow=True), theano.shared(data.tL, 'tL', borrow=True)      # not copied
    velocities = velocities_at_rest(net.params)
    cost, error = net.cost(X, t), net.error(X, t)
    slow = threading.Timer(6, print, ['# compiling: the first time takes a minute or so'], {'file': sys.stderr})
    slow.start()
    try:
        with contextlib.redirect_stdout(sys.stderr):        # what Theano prints is not part of the log
            update = theano.function([index], cost, updates=momentum_updates(cost, net.params, velocities, eta, mu),
                                     givens={X: XL[index], t: tL[index]})
            evaluate = theano.function([X, t], [cost, error])
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
def signals():
    """Yields a list that gets the names of signals, Ctrl-C's SIGINT and SIGTERM, which then do nothing else."""
    came = []
    if threading.current_thread() is not threading.main_thread():     # signals reach the main thread only
        yield came
        return
    previous = {number: signal.signal(number, lambda number, _: came.append(signal.Signals(number).name))
                for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class Progress:
    """Progress of the epoch and time left of the run, on stderr where that is a terminal: tqdm's bar, or a line."""

    def __init__(self, nepoch, nbatch):
        self.nepoch, self.nbatch, self.bar, self.last = nepoch, nbatch, None, 0
        notebook = type(sys.stderr).__module__ == 'ipykernel.iostream'
        self.terminal = notebook or sys.stderr is not None and sys.stderr.isatty()
        self.width = 40                                         # columns that a line of ours may take
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self.width = min(40, (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1)
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
        done = (epoch - 1) * self.nbatch + n
        if not self.last:
            self.start, self.before = now, done - 1           # before: of a run that this one goes on from, too
        self.last = now
        left = (now - self.start) / (done - self.before) * (self.nepoch * self.nbatch - done)
        words = 'epoch %d/%d, %d:%02d left' % (epoch, self.nepoch, left // 60, left % 60)
        if self.bar is not None:
            self.bar.set_description(words, refresh=False)
            if n <= self.bar.n:                                 # a new epoch: tqdm's own clock starts anew, too
                self.bar.reset()
            self.bar.n = n
            self.bar.refresh()
        else:
            print('\r' + words.ljust(self.width)[:self.width], end='', file=sys.stderr, flush=True)

    def clear(self):
        if self.bar is not None:
            self.bar.clear()
        elif self.terminal:
            print('\r%s\r' % (' ' * self.width), end='', file=sys.stderr, flush=True)

    def __exit__(self, *_):
        self.clear()
        if self.bar is not None:
            self.bar.close()
