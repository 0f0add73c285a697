"""What training.train is given, checked before anything is compiled."""
from theano_setup import theano
import numpy as np

from nnet import output_of
from run.hyperparameters import DISTORTIONS, RULES
from run.settings import fits, is_int, is_number


class ArgumentError(ValueError):
    """What train() is given cannot be: one line that names the argument, or the field of data, and what is allowed."""
    status = 2


def rates_of(eta, mu, nepoch):
    """{'eta', 'mu': a function of the epoch that gives a float}; ArgumentError where one of its values cannot be."""
    for name, value, check_one in ('eta', eta, check_eta), ('mu', mu, check_share):
        if callable(value):
            for epoch in range(1, max(1, nepoch) + 1):
                check_one('%s(%d)' % (name, epoch), value(epoch))
        elif name == 'mu' and isinstance(value, (tuple, list)):
            if len(value) != 3 or not is_number(value[2]) or not value[2]:
                raise ArgumentError('mu = %.200r: must be (first, last, epochs), epochs above 0' % (value,))
            for end in value[:2]:
                check_share('mu', end)
        else:
            check_one(name, value)
    mu = rising(*mu) if isinstance(mu, (tuple, list)) else mu
    return {name: (lambda epoch, value=value: float(value(epoch) if callable(value) else value))
            for name, value in (('eta', eta), ('mu', mu))}


def rising(first, last, epochs):
    """A function of the epoch that goes from the first value, in epoch 1, to the last one after so many epochs."""
    return lambda epoch: first + (last - first) * min(1, (epoch - 1) / epochs)


def check_eta(name, value):
    if not is_number(value):
        raise ArgumentError('%s = %.200r: must be a finite number of at least 0 and at most 1e30' % (name, value))


def check_share(name, value):
    if not is_number(value) or value >= 1:
        raise ArgumentError('%s = %.200r: must be a number of at least 0 and below 1' % (name, value))


def check(net, data, batchsize, nepoch, interval, rng):
    """ArgumentError where train() could not go through with what it is given."""
    for name, value, parts, what in (
            ('net', net, 'params output cost error training_cost log_header', 'a net, such as nnet.Net'),
            ('data', data, 'XL tL XV tV XT tT K', 'a mnist.Data')):
        for part in parts.split():
            if not hasattr(value, part):
                raise ArgumentError('%s: a %s without %s: must be %s' % (name, type(value).__name__, part, what))
    for part in 'LT' if data.XV is None else 'LVT':
        X, t = getattr(data, 'X' + part), getattr(data, 't' + part)
        check_examples('X' + part, X, 't' + part, t, data.K)
        if X.shape[1:] != data.XL.shape[1:]:
            raise ArgumentError('X%s of shape %s: must have examples as XL of shape %s has' % (
                part, X.shape, data.XL.shape))
        Xshape = getattr(net.layers[0], 'Xshape', None) if hasattr(net, 'layers') else None
        if Xshape and X.shape[1:] != Xshape and (len(Xshape) > 1 or np.prod(X.shape[1:]) != Xshape[0]):
            raise ArgumentError('X%s of shape %s: layer 1 takes examples of shape %s' % (part, X.shape, Xshape))
    if hasattr(net, 'layers') and net.layers[-1].H != data.K:
        raise ArgumentError('K = %d: the net gives %d classes' % (data.K, net.layers[-1].H))
    for name, value, least, most in (('batchsize', batchsize, 1, len(data.tL)), ('nepoch', nepoch, 0, 10**9),
                                     ('interval', interval, 1, 10**9)):
        if not is_int(value, least, most):
            raise ArgumentError('%s = %.200r: must be a whole number from %d to %d%s' % (
                name, value, least, most, ', the number of training examples' if name == 'batchsize' else ''))
    if not isinstance(rng, np.random.RandomState):
        raise ArgumentError('rng = %.200r: must be a numpy RandomState' % (rng,))
    for n, layer in enumerate(getattr(net, 'layers', ()), 1):
        for W in layer.params:
            if getattr(W, 'dtype', None) != theano.config.floatX:
                raise ArgumentError('layer %d: %s of params is %s: must be a shared variable of dtype %s' % (
                    n, W, getattr(W, 'dtype', 'no variable'), theano.config.floatX))


def check_options(log, checkpoint, optimiser, after_epoch):
    for name, value, fine, what in (
            ('log', log, log is None or isinstance(log, list), 'a list'),
            ('checkpoint', checkpoint, not checkpoint or hasattr(checkpoint, 'restore'),
             'a run.checkpoints.Checkpoint'),
            ('optimiser', optimiser, optimiser is None or callable(optimiser), 'a function of (cost, params)'),
            ('after_epoch', after_epoch, after_epoch is None or callable(after_epoch),
             'a function of (epoch, net, log)')):
        if not fine:
            raise ArgumentError('%s = %.200r: must be %s, or None' % (name, value, what))


def check_regularisation(optimiser, decay, maxnorm, average, schedule, schedules, warmup, distort, seed, refine):
    for name, value in ('seed', seed), ('refine', refine):
        if not is_int(value, 0, 2**63 - 1):
            raise ArgumentError('%s = %.200r: must be a whole number of at least 0' % (name, value))
    check_share('average', average)
    for name, value in ('decay', decay), ('maxnorm', maxnorm), ('warmup', warmup):
        if not is_number(value):
            raise ArgumentError('%s = %.200r: must be a finite number of at least 0' % (name, value))
    if schedule not in list(schedules):                 # a list is no key of a dictionary
        raise ArgumentError('schedule = %.200r: must be one of %s' % (schedule, ', '.join(schedules)))
    for name, value, default in ('decay', decay, 0), ('schedule', schedule, 'constant'), ('warmup', warmup, 0):
        if optimiser and value != default:
            raise ArgumentError('%s = %r: is for momentum SGD, not for an optimiser of one\'s own' % (name, value))
    if not isinstance(distort, (tuple, list)) or len(distort) != 4:
        raise ArgumentError('distort = %.200r: must be (shift, rotate, zoom, elastic)' % (distort,))
    for name, value in zip(DISTORTIONS, distort):
        if not fits(value, RULES[name]):
            raise ArgumentError('distort: %s = %.200r: must be %s' % (name, value, RULES[name][1]))


def check_cost(net, cost):
    """ArgumentError unless the training cost is one symbolic number in which all parameters have a part."""
    if not isinstance(cost, theano.Variable) or cost.ndim:
        raise ArgumentError('training_cost gives %.200r: must be one symbolic number, such as a mean' % (cost,))
    used = set(theano.gof.graph.inputs([cost]))
    for n, layer in enumerate(getattr(net, 'layers', ()), 1):
        for W in layer.params:
            if W not in used:
                raise ArgumentError('layer %d = %r: %s of params has no part in the cost' % (n, layer, W))


def check_updates(updates):
    """ArgumentError unless an optimiser gives {shared variable: its next value}, of the same type."""
    if not isinstance(updates, dict) or not updates or not all(
            isinstance(W, theano.compile.SharedVariable) for W in updates):
        raise ArgumentError('optimiser gives %.200r: must be a dictionary {shared variable: its next value}' % (
            updates,))
    for W, value in updates.items():
        try:
            W.type.filter_variable(value, allow_convert=False)
        except TypeError:
            raise ArgumentError('optimiser: the next value of %s is %.200s: must be %s' % (
                W, getattr(value, 'type', repr(value)), W.type)) from None


def misfit(net, images, error):
    """Which layer does not take what it is given, in a line; error: what a function of the whole net raised."""
    Z = images
    for n, layer in enumerate(getattr(net, 'layers', ()), 1):
        try:
            Z_after = output_of(layer, theano.shared(Z[:1])).eval()
        except (ValueError, IndexError, TypeError) as raised:
            return 'layer %d: %r does not take values of shape %s: %s' % (
                n, layer, Z.shape[1:], str(raised).split('\n')[0])
        Z = Z_after
    return 'XL of shape %s: the net does not take it: %s' % (images.shape, str(error).split('\n')[0])


def check_examples(X_name, X, t_name, t, K):
    """ArgumentError unless X are finite images (N, channels, rows, columns), and t so many labels from 0 to K - 1."""
    for name, array, kinds, ndim, what in ((X_name, X, 'fiu', 4, 'numbers (N, channels, rows, columns)'),
                                           (t_name, t, 'iu', 1, 'whole numbers (N,)')):
        if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds or array.ndim != ndim:
            found = '%s %s' % (array.dtype, array.shape) if isinstance(array, np.ndarray) else '%.200r' % (array,)
            raise ArgumentError('%s = %s: must be an array of %s' % (name, found, what))
    if len(X) != len(t) or not len(t):
        raise ArgumentError('%s has %d examples, %s %d labels: must be as many, and at least one' % (
            X_name, len(X), t_name, len(t)))
    if t.min() < 0 or t.max() >= K:
        n = np.flatnonzero((t < 0) | (t >= K))[0]
        raise ArgumentError('%s[%d] = %d: must be 0 to %d' % (t_name, n, t[n], K - 1))
    with np.errstate(over='ignore'):
        if np.isfinite(np.array([X.min(), X.max()], theano.config.floatX)).all():
            return
        finite = np.isfinite(X.astype(theano.config.floatX))
    n, *pixel = np.argwhere(~finite)[0]
    raise ArgumentError('%s[%d] has a pixel that is %s: must be finite in %s' % (
        X_name, n, X[(n, *pixel)], theano.config.floatX))
