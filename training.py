"""The training loop: minibatches in an order drawn anew for each epoch, and the error log it prints."""
import collections
import contextlib
import functools
import inspect
import itertools
import sys

from theano_setup import theano
import numpy as np
import theano.tensor as T

from fused.distort import Distort
from nnet import limit_norms, momentum, noise_key, noise_of, running_means
from run.arguments import (
    ArgumentError, check, check_cost, check_options, check_regularisation, check_updates, misfit, rates_of)
from run.hyperparameters import DISTORTIONS
from run.progress import Progress, said_if_slow
from run.settings import is_number
from run.signals import Stopped, signals_received
from run.state import State, epoch_of, is_due, kept_beside
from run.threads import Threads

TOLD = '# changed from ', '# eta: ', '# mu: '       # the log's first lines, which a resume makes anew
LARGE = 1000                       # examples evaluated at once
Functions = collections.namedtuple('Functions', 'update evaluate')


class NotFinite(Exception):
    """The cost is not a finite number: training has diverged."""
    status = 3


def train(net, data, eta, mu, batchsize, nepoch, interval, rng, log=None, checkpoint=None, optimiser=None,
          after_epoch=None, decay=0., maxnorm=0., average=0., schedule='constant', warmup=0, distort=(0, 0, 0, 0),
          seed=0, refine=0):
    """Trains the net for nepoch epochs, printing the error log; returns its lines, a list or the one given.

    Each epoch uses every training example once, in an order drawn from rng, a numpy RandomState. eta: learning rate,
    or a function of the epoch, 1 to nepoch, that returns it; mu: momentum, such a function, or (first, last, epochs):
    it rises from one to the other over so many epochs. checkpoint: a run.checkpoints.Checkpoint or None.
    optimiser(cost, params): a dictionary of updates, {shared variable: next value}; momentum SGD where not given.
    after_epoch(epoch, net, log) is called after each epoch of training. decay: of all W, in each step, times eta;
    maxnorm: of each filter's and each unit's weights, 0 for none; average: of the running means of the parameters,
    which the log is about and the net has in the end, 0 for none; schedule, a name of SCHEDULES, and warmup, epochs of
    a rise from 0: both multiply eta; distort: shift, rotate, zoom, elastic of fused.distort; refine: last epochs
    without them (He et al. 2019, arXiv:1909.09148); seed: of dropout, distortions.
    Raises ArgumentError, nnet.LayerError, NotFinite within the minibatch whose cost is not finite,
    Stopped after the minibatch or the batch evaluated during which Ctrl-C was pressed or SIGTERM received; FileError.
    """
    check(net, data, batchsize, nepoch, interval, rng)
    check_options(log, checkpoint, optimiser, after_epoch)
    check_regularisation(optimiser, decay, maxnorm, average, schedule, SCHEDULES, warmup, distort, seed, refine)
    rates = rates_of(eta, mu, nepoch)
    decay, maxnorm, average = float(decay), float(maxnorm), float(average)      # NumPy's would make all of it float64
    log = [] if log is None else log
    NL, NV, nbatch = len(data.tL), 0 if data.XV is None else len(data.tV), -(-len(data.tL) // batchsize)
    X, t, rate = T.tensor4('X'), T.ivector('t'), theano.shared(np.zeros((), theano.config.floatX), 'eta')
    cost = net.training_cost(X, t)
    check_cost(net, cost)
    momentum_now = float(mu) if is_number(mu) else theano.shared(np.zeros((), theano.config.floatX), 'mu')
    updates = (optimiser or functools.partial(momentum, eta=rate, mu=momentum_now, decay=decay))(cost, net.params)
    check_updates(updates)
    if maxnorm:
        updates = limit_norms(updates, net.params, maxnorm)
    means = []
    if average:
        means, updates = running_means(updates, net.params, average)
    known = [*net.params, *(variable for variable in updates if variable not in net.params)]
    kept, others = kept_beside([cost, *updates.values()], [*known, rate, momentum_now, noise_key])
    state = State(known, rng, log, means, kept, others)
    settings = dict(zip(DISTORTIONS, distort), nepoch=nepoch, batchsize=batchsize, decay=decay, maxnorm=maxnorm,
                    average=average, schedule=schedule, warmup=warmup, seed=seed, refine=refine,
                    optimiser=name_of(optimiser))
    earlier = checkpoint.restore(net, state, nepoch, interval, rates, settings) if checkpoint else []
    distortions = np.array(distort, 'float64')
    distort_now = theano.shared(distortions, 'distort')
    functions = compile_functions(net, data, X, t, cost, updates, means, distort_now if any(distort) else None)

    with signals_received() as signals, Threads() as threads, Progress(nepoch * nbatch) as progress:
        def say(*columns):
            log.append(' '.join(python2_str(column) for column in columns))
            progress.clear()
            print(log[-1], flush=True)

        def errors_on(X, t):
            with threads.settled():
                return mean_over(functions.evaluate, X, t, signals)

        def say_errors(epoch):
            cost, error = errors_on(data.XL, data.tL)
            check_finite(cost, 'after epoch %d' % epoch if epoch else 'before the first step',
                         eta='eta or ' * (epoch > 0))
            validation = np.nan if data.XV is None else errors_on(data.XV, data.tV)[1]
            say(epoch, cost, error, validation)
            return log[-1]

        lines = list(itertools.dropwhile(lambda line: line.startswith(TOLD), earlier)) or net.log_header() + [
            '### training: NL = %d NV = %d K = %d batchsize = %d' % (NL, NV, data.K, batchsize)]
        told = ['# changed from ' + change for change in (checkpoint.changes if checkpoint else ())] + [
            state.told(name, rates[name], nepoch) for name, value in (('eta', eta), ('mu', mu))
            if callable(value) and not optimiser]
        for line in told + lines:
            say(line)
        try:
            for epoch in range(state.epoch, nepoch + 1):
                if epoch > 0:
                    eta_now, mu_now, noise = rates['eta'](epoch), rates['mu'](epoch), noise_of(seed, epoch)
                    state.rates['eta'][epoch - 1:], state.rates['mu'][epoch - 1:] = [eta_now], [mu_now]
                    if not is_number(mu):
                        momentum_now.set_value(np.asarray(mu_now, momentum_now.dtype))
                    distort_now.set_value(distortions * (epoch <= nepoch - refine))
                    for minibatch in minibatches(rng.permutation(NL), batchsize)[state.minibatch:]:
                        done = epoch - 1 + state.minibatch / nbatch
                        share = share_of_eta(schedule, warmup, done, nepoch)
                        rate.set_value(np.asarray(eta_now * share, theano.config.floatX))
                        noise_key.set_value(np.asarray(noise + state.minibatch))
                        cost = threads.run(functions.update, minibatch)
                        state.minibatch += 1
                        where = 'epoch %d, minibatch %d of %d' % (epoch, state.minibatch, nbatch)
                        check_finite(cost, 'in ' + where)
                        progress.show((epoch - 1) * nbatch + state.minibatch, 'epoch %d/%d' % (epoch, nepoch))
                        signals.check('after ' + where)
                if is_due(epoch, nepoch, interval):
                    say_errors(epoch)
                if after_epoch and epoch > 0:
                    after_epoch(epoch, net, log)
                state.begin(epoch + 1)
                if checkpoint:
                    check_finite(sum(v.get_value(borrow=True).sum(dtype='float64') for v in state.variables),
                                 'after epoch %d' % epoch, 'sum of the weights')
                    checkpoint.save(net, state)
            last = [line for line in log if epoch_of(line) == nepoch]      # none where a resumed run is to end at once
            errors = (last or [say_errors(nepoch)])[-1].split()[2:4]
            cost, error = errors_on(data.XT, data.tT)
            check_finite(cost, 'on the test examples')
        except Stopped:
            if checkpoint:
                checkpoint.save(net, state)
            raise
        finally:
            state.keep_means()
        say('# NT = %d' % len(data.tT))
        say(nepoch, cost, *errors, error)
    return log


def name_of(optimiser):
    """An optimiser's name, by which a checkpoint knows it."""
    if optimiser is None:
        return 'momentum SGD'
    while isinstance(optimiser, functools.partial):
        optimiser = optimiser.func
    owner = [type(optimiser.__self__).__name__] if inspect.ismethod(optimiser) else []
    return '.'.join(owner + [getattr(optimiser, '__name__', type(optimiser).__name__)])


def minibatches(order, batchsize):
    """The indices of an epoch's examples, cut into minibatches; the last one may be smaller."""
    return [order[first:first + batchsize].astype('int32') for first in range(0, len(order), batchsize)]


SCHEDULES = {                      # share of eta where a share d, 0 to 1, of the training is done
    'constant': lambda d: 1.,
    'linear': lambda d: 1 - d,
    'cosine': lambda d: round((1 + np.cos(np.pi * d)) / 2, 9),     # the last bits of cos are the processor's
}


def share_of_eta(schedule, warmup, done, nepoch):
    """By how much eta is multiplied after so many epochs, fractions of them included."""
    return SCHEDULES[schedule](done / nepoch) * (min(1, done / warmup) if warmup else 1)


def check_finite(value, where, name='cost', eta='eta or '):
    if not np.isfinite(value):
        raise NotFinite('the %s is %s %s: lower %sthe initial spread Wsigma' % (name, value, where, eta))


def mean_over(evaluate, images, labels, signals):
    """(mean cost, error in %) over the examples, in large batches."""
    sums, N = np.zeros(2), len(labels)
    for start in range(0, N, LARGE):
        X, t = images[start:start + LARGE], labels[start:start + LARGE]
        X, t = X.astype(theano.config.floatX, copy=False), t.astype('int32', copy=False)
        sums += len(t) * np.array(evaluate(X, t), 'float64')
        signals.check('while evaluating')
    return sums[0] / N, 100 * np.round(sums[1]) / N


def compile_functions(net, data, X, t, cost, updates, means=(), distort=None):
    """Theano functions of a net on a data set.

    update(index): one step on the training examples at index, int32 (batchsize,); returns the minibatch's cost
    before the step. evaluate(X, t): mean cost and share of errors over the images and labels given, with the means
    in place of the parameters where there are any; changes nothing. distort: what fused.distort is to do, or None.
    """
    index = T.ivector('index')
    images, labels = data.XL.astype(theano.config.floatX, copy=False), data.tL.astype('int32', copy=False)
    XL, tL = theano.shared(images, 'XL', borrow=True), theano.shared(labels, 'tL', borrow=True)      # not copied
    with said_if_slow(6, '# compiling: it takes a while the first time'), \
            contextlib.redirect_stdout(sys.stderr):             # what Theano prints is not part of the log
        examples = XL[index] if distort is None else Distort()(XL, index, ~noise_key, distort)
        update = theano.function([index], cost, updates=list(updates.items()), givens={X: examples, t: tL[index]})
        evaluate = theano.function([X, t], [net.cost(X, t), net.error(X, t)], givens=list(zip(net.params, means)),
                                   no_default_updates=True)
    try:
        evaluate(images[:1], labels[:1])
    except (ValueError, IndexError, TypeError) as error:
        raise ArgumentError(misfit(net, images, error)) from None
    return Functions(update, evaluate)


def python2_str(value):
    """A value as Python 2 printed it: floats with 12 significant digits, whole ones with .0."""
    if not isinstance(value, float):
        return str(value)
    text = '%.12g' % value
    return text + '.0' if text.lstrip('-').isdigit() else text
