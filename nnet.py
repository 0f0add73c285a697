"""Fully connected layer, activation functions, cost, error rate, momentum SGD: what every net shares."""
import numpy as np
import theano
import theano.tensor as T

AFUNC = {
    'linear': lambda Y: Y,
    'ReLu': T.nnet.relu,
    'sigmoid': T.nnet.sigmoid,
    'tanh': T.tanh,
    'softmax': T.nnet.softmax,            # over the units: of fully connected layers only
}


class FullLayer:
    """Fully connected layer: Z = afunc(X W + b).

    X: (N, ...) flattened to (N, D); W: (D, H), initially N(0, Wsigma^2); b: (H,), initially 0, or none;
    Z: (N, H). rng: numpy RandomState that draws W.
    Raises ValueError naming the argument, its value and what is allowed.
    """

    def __init__(self, D, H, afunc, withBias=True, Wsigma=0.1, rng=None):
        self.D, self.H = whole('D', D), whole('H', H)
        self.afunc = one_of('afunc', afunc, AFUNC)
        self.W = initial_weights((D, H), Wsigma, rng, 'W')
        self.b = theano.shared(np.zeros(H, theano.config.floatX), 'b') if withBias else None
        self.params = [self.W] + ([self.b] if withBias else [])

    def output(self, X):
        Y = T.dot(X.flatten(2), self.W)
        if self.b is not None:
            Y = Y + self.b
        return AFUNC[self.afunc](Y)

    def __repr__(self):
        return 'FullLayer(D %d -> H %d, %s%s)' % (self.D, self.H, self.afunc, '' if self.b else ', no bias')


def cross_entropy(p, t):
    """Mean cross-entropy, in nats, of class probabilities p (N, K) at labels t (N,)."""
    return T.nnet.categorical_crossentropy(p, t).mean()


def error_rate(p, t):
    """Share, 0 to 1, of the examples whose most probable class in p (N, K) is not the label t (N,)."""
    return T.neq(T.argmax(p, axis=1), t).mean(dtype='float64')


def momentum_updates(cost, params, velocities, eta, mu):
    """Updates of one step of momentum SGD, for theano.function:

        v <- mu v - (1 - mu) eta dcost/dW,   W <- W + v
    """
    updates = []
    for W, v, g in zip(params, velocities, T.grad(cost, params)):
        v_next = mu * v - (1 - mu) * eta * g
        updates += [(v, v_next), (W, W + v_next)]
    return updates


def velocities_at_rest(params):
    """A velocity of zeros for each parameter."""
    return [theano.shared(np.zeros_like(W.get_value()), 'v_' + W.name) for W in params]


def initial_weights(shape, sigma, rng, name):
    """Shared variable of the given shape drawn from N(0, sigma^2)."""
    if isinstance(sigma, bool) or not isinstance(sigma, (int, float)) or not 0 <= sigma < float('inf'):
        raise ValueError('Wsigma = %r: must be a finite number of at least 0' % (sigma,))
    if np.prod(shape, dtype='float64') > 2**28:
        raise ValueError('%s of shape %s: must have at most %d weights' % (name, shape, 2**28))
    if not isinstance(rng, np.random.RandomState):
        raise ValueError('rng = %r: must be a numpy RandomState' % (rng,))
    return theano.shared(rng.normal(0, sigma, shape).astype(theano.config.floatX), name)


def whole(name, value, limit=10**9):
    """value, if it is a whole number from 1 to limit; else ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 1 <= value <= limit:
        raise ValueError('%s = %r: must be a whole number from 1 to %d' % (name, value, limit))
    return int(value)


def one_of(name, value, allowed):
    """value, if it is among the allowed; else ValueError."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError('%s = %r: must be one of %s' % (name, value, ', '.join(allowed)))
    return value
