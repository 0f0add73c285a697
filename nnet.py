"""What every net shares: fully connected layer, activation functions, cost, errors, momentum SGD, random numbers."""
import hashlib
import inspect
import numbers
import zlib

from theano_setup import theano
import numpy as np
import theano.tensor as T

from fused.dropout import Dropout

AFUNC = {
    'linear': lambda Y: Y,
    'ReLu': T.nnet.relu,
    'sigmoid': T.nnet.sigmoid,
    'tanh': T.tanh,
    'softmax': T.nnet.softmax,            # over the units: of fully connected layers only
}
SOFTMAX_SIGMA = 0.02                      # standard deviation of the softmax layer's initial weights


class FullLayer:
    """Fully connected layer: Z = afunc(X W + b).

    X: (N, ...) flattened to (N, D); W: (D, H), initially N(0, Wsigma^2); b: (H,), initially 0, or none;
    Z: (N, H), of which the share drop is left out in training. rng: numpy RandomState that draws W.
    Raises ValueError naming the argument, its value and what is allowed.
    """

    def __init__(self, D, H, afunc, withBias=True, Wsigma=0.05, rng=None, drop=0.):
        self.D, self.H = positive_int('D', D), positive_int('H', H)
        self.Xshape, self.Zshape = (self.D,), (self.H,)
        self.afunc = one_of('afunc', afunc, AFUNC)
        self.withBias, self.drop = one_of('withBias', withBias, (True, False)), share('drop', drop)
        self.W = initial_weights((self.D, self.H), self.H, Wsigma, rng)
        self.b = theano.shared(np.zeros(self.H, theano.config.floatX), 'b') if withBias else None
        self.params = [self.W] + ([self.b] if withBias else [])

    def output(self, X, training=False):
        Y = T.dot(X.flatten(2), self.W)
        if self.withBias:
            Y = Y + self.b
        Z = AFUNC[self.afunc](Y)
        return dropout(Z, self.drop, self.W) if training and self.drop else Z

    def arguments(self):
        return dict(D=self.D, H=self.H, afunc=self.afunc, withBias=self.withBias, drop=self.drop)

    def __repr__(self):
        return '%s(D %d -> H %d, %s%s%s)' % (type(self).__name__, self.D, self.H, self.afunc, '' if self.withBias else
                                             ', no bias', ', drop %g' % self.drop if self.drop else '')


class LayerError(ValueError):
    """A layer gives what no net can use: one line that names the layer."""
    status = 2


class Net:
    """Layers, each fed by the one before; the last one gives class probabilities.

    X: (N, ...) examples; t: (N,) labels, 0 to K - 1; output: (N, K). What is learnt is training_cost, by changing
    params; what is told of a net, by the log too, is cost and error. Raises ValueError where layers do not fit,
    LayerError where the output of one is not a symbolic tensor (N, ...) of the dtype of X.
    """

    def __init__(self, *layers):
        if not layers:
            raise ValueError('a net must have at least one layer')
        self.layers = list(layers)
        for n, layer in enumerate(layers, 1):
            a_layer('layer%d' % n, layer)
            if n > 1 and not fits(layer, layers[n - 2]):
                raise ValueError('layer%d = %r does not take what layer%d = %r gives' % (
                    n, layer, n - 1, layers[n - 2]))
        self.params = list(dict.fromkeys(W for layer in layers for W in layer.params))       # once, if layers share one

    def output(self, X, training=False):
        X = Z = T.as_tensor_variable(X)
        for n, layer in enumerate(self.layers, 1):
            Z = output_of(layer, Z, training)
            if not isinstance(Z, theano.Variable) or Z.ndim < 2:
                raise LayerError('layer %d = %r: output gives %.100r: must be a symbolic tensor (N, ...)' % (
                    n, layer, Z))
            if Z.dtype != X.dtype == theano.config.floatX:
                raise LayerError('layer %d = %r: output is of dtype %s: must be %s' % (n, layer, Z.dtype, X.dtype))
        return Z

    def cost(self, X, t):
        return cross_entropy(self.output(X), t)

    def error(self, X, t):
        return error_rate(self.output(X), t)

    def training_cost(self, X, t):
        return cross_entropy(self.output(X, training=True), t)

    def log_header(self):
        """The lines of the log that describe the net."""
        return ['### %d-layer net' % len(self.layers)] + ['# ' + ' '.join(repr(layer).split()) for layer in self.layers]

    def __repr__(self):
        return '%d-layer net\n' % len(self.layers) + '\n'.join('  %d: %r' % item for item in enumerate(self.layers, 1))


def output_of(layer, X, training=False):
    """What a layer gives; one whose output() has no argument of the name does the same in training and in use."""
    parameters = inspect.signature(layer.output).parameters.values()
    named = any(p.name == 'training' and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters)
    if named or any(p.kind == p.VAR_KEYWORD for p in parameters):
        try:
            return layer.output(X, training=training)
        except TypeError as error:                   # handed on to one without it
            if named or "'training'" not in str(error):
                raise
    return layer.output(X)


def fits(layer, previous):
    """Whether a layer can take what the previous one gives, as far as both tell by Xshape, Zshape, H."""
    Zshape, Xshape = getattr(previous, 'Zshape', (previous.H,)), getattr(layer, 'Xshape', None)
    if Xshape is None:
        return True
    if len(Xshape) == 1 or not hasattr(previous, 'Zshape'):          # flattened, or not known
        return np.prod(Xshape) == previous.H
    return Xshape == Zshape


def softmax_layer(D, K, rng):
    """The output layer of every net here: K class probabilities, initial weights N(0, SOFTMAX_SIGMA^2)."""
    return FullLayer(D, positive_int('K', K), 'softmax', Wsigma=SOFTMAX_SIGMA, rng=rng)


def cross_entropy(p, t):
    """Mean cross-entropy, in nats, of class probabilities p (N, K) at labels t (N,)."""
    return T.nnet.categorical_crossentropy(p, t).mean()


def error_rate(p, t):
    """Share, 0 to 1, of the examples whose most probable class in p (N, K) is not the label t (N,)."""
    return T.neq(T.argmax(p, axis=1), t).mean(dtype='float64')


def momentum(cost, params, eta, mu, decay=0.):
    """Updates of one step of momentum SGD, {shared variable: its next value}:

        v <- mu v - eta (dcost/dW + decay W),   W <- W + v

    Biases do not decay.
    """
    updates = {}
    for W, g in zip(params, T.grad(cost, params)):
        v = theano.shared(np.zeros_like(W.get_value()), 'v_%s' % W.name, broadcastable=W.broadcastable)
        slope = g + decay * W if decay and not is_bias(W) else g
        updates[v] = mu * v - eta * slope
        updates[W] = W + updates[v]
    return updates


def is_bias(W):
    """Whether a parameter has one dimension, beside those along which it is broadcast."""
    return W.ndim - sum(W.broadcastable) < 2


def limit_norms(updates, params, maxnorm):
    """Updates after which no filter, and no unit's weights, have a norm above maxnorm (Srebro and Shraibman 2005)."""
    limited = dict(updates)
    for W in params:
        if not is_bias(W) and W in updates:
            axes = (1, 2, 3) if W.ndim == 4 else 0                    # what one filter, or one unit, sums over
            norm = T.sqrt((updates[W]**2).sum(axis=axes, keepdims=True))
            scale = T.minimum(1, maxnorm / T.maximum(norm, 1e-30))
            limited[W] = updates[W] * T.switch(T.isinf(norm), np.nan, scale)       # diverged: not 0
    return limited


def running_means(updates, params, average):
    """A shared variable for each parameter, and updates by which it is the running mean of its values after the steps,
    an exponential moving average (EMA):

        m <- a m + (1 - a) W,   a = min(average, (1 + n) / (10 + n)) after n steps: the first values are forgotten
    """
    n = theano.shared(np.zeros((), theano.config.floatX), 'n')
    a = T.minimum(average, (1 + n) / (10 + n))
    means = [theano.shared(W.get_value(), 'm_%s' % W.name, broadcastable=W.broadcastable) for W in params]
    return means, {**updates, n: n + 1,
                   **{m: a * m + (1 - a) * updates.get(W, W) for m, W in zip(means, params)}}


def random_stream(seed, purpose, epoch=0):
    """A numpy RandomState for one purpose ('weights', 'order', ...) in one epoch: other purposes have other numbers.

    So runs of one seed see the same order of examples whatever their nets, and each epoch can be drawn anew.
    """
    digest = hashlib.sha256(('%d %s %d' % (seed, purpose, epoch)).encode()).digest()
    return np.random.RandomState(np.frombuffer(digest, '<u4'))


noise_key = theano.shared(np.int64(0), 'noise_key')       # another one for each minibatch: see dropout


def noise_of(seed, epoch):
    """The noise_key of the first minibatch of an epoch; the others follow it."""
    return int(random_stream(seed, 'noise', epoch).randint(2**31)) << 8


def dropout(Z, drop, W):
    """Z, of which a random share drop is 0, and the rest 1 / (1 - drop) times what it was (Srivastava et al. 2014).

    What is left out follows from noise_key and from the values that the layer's W begins with, and nothing else: it is
    the same after a resume, for which checkpoints keep it, and with any number of threads.
    """
    salt = theano.shared(np.int64(zlib.crc32(np.ascontiguousarray(W.get_value(borrow=True))) >> 2 << 32), 'salt')
    salt.tag.kept = True
    return Dropout()(Z, noise_key + salt, theano.shared(drop))


def initial_weights(shape, H, sigma, rng):
    """Shared variable W of the given shape drawn from N(0, sigma^2), of a layer of H values for each example.

    sigma 'He': the square root of 2 / the number of inputs that one unit sums over (He et al. 2015).
    """
    if isinstance(sigma, str) and sigma == 'He':
        sigma = np.sqrt(2 / (np.prod(shape[1:]) if len(shape) == 4 else shape[0]))
    if not isinstance(sigma, numbers.Real) or isinstance(sigma, bool) or not 0 <= sigma <= 1e30:
        raise ValueError("Wsigma = %.200r: must be a finite number of at least 0 and at most 1e30, or 'He'" % (sigma,))
    if np.prod(shape, dtype='float64') > 2**28:
        raise ValueError('W of shape %s: must have at most %d weights' % (shape, 2**28))
    if H > 2**20:
        raise ValueError('H = %d: must be at most %d, of which a thousand examples take 4 GiB' % (H, 2**20))
    if not isinstance(rng, np.random.RandomState):
        raise ValueError('rng = %.200r: must be a numpy RandomState' % (rng,))
    return theano.shared(rng.normal(0, sigma, shape).astype(theano.config.floatX), 'W')


def positive_int(name, value, least=1, limit=10**9):
    """value, if it is a whole number from least to limit; else ValueError."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or not least <= value <= limit:
        raise ValueError('%s = %.200r: must be a whole number from %d to %d' % (name, value, least, limit))
    return int(value)


def share(name, value):
    """value, if it is a number from 0 to below 1; else ValueError."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not 0 <= value < 1:
        raise ValueError('%s = %.200r: must be a number of at least 0 and below 1' % (name, value))
    return float(value)


def one_of(name, value, allowed):
    """value, if it is among the allowed; else ValueError."""
    if not isinstance(value, (str, bool)) or value not in allowed:
        raise ValueError('%s = %.200r: must be one of %s' % (name, value, ', '.join(map(str, allowed))))
    return value


def a_layer(name, value):
    """value, if it has what a layer has; else ValueError."""
    missing = [attribute for attribute in ('params', 'output', 'H') if not hasattr(value, attribute)]
    if missing:                                  # of which its repr may make use
        told = repr(value) if len(missing) == 3 else '%s without %s' % (type(value).__name__, missing[0])
        raise ValueError('%s = %.200s: must be a layer, such as a ConvLayer or a FullLayer' % (name, told))
    if not isinstance(value.params, (list, tuple)) or not all(
            isinstance(W, theano.compile.SharedVariable) for W in value.params):
        raise ValueError('%s = %.200r: params = %.200r: must be a list of shared variables' % (
            name, value, value.params))
    return value
