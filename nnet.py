"""Fully connected layer, activation functions, cost, error rate, momentum SGD: what every net shares."""
import theano_setup  # noqa: F401  before Theano, which it sets up
import numpy as np
import theano
import theano.tensor as T

from run.settings import check, is_whole

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
        check('withBias', withBias)
        self.W = initial_weights((self.D, self.H), self.H, Wsigma, rng)
        self.b = theano.shared(np.zeros(self.H, theano.config.floatX), 'b') if withBias else None
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


def initial_weights(shape, H, sigma, rng):
    """Shared variable W of the given shape drawn from N(0, sigma^2), of a layer of H values for each example."""
    check('Wsigma', sigma)
    if np.prod(shape, dtype='float64') > 2**28:
        raise ValueError('W of shape %s: must have at most %d weights' % (shape, 2**28))
    if H > 2**20:
        raise ValueError('H = %d: must be at most %d, of which a thousand examples take 4 GiB' % (H, 2**20))
    if not isinstance(rng, np.random.RandomState):
        raise ValueError('rng = %.200r: must be a numpy RandomState' % (rng,))
    return theano.shared(rng.normal(0, sigma, shape).astype(theano.config.floatX), 'W')


def whole(name, value, limit=10**9):
    """value, if it is a whole number from 1 to limit; else ValueError."""
    if not is_whole(value, 1, limit):
        raise ValueError('%s = %.200r: must be a whole number from 1 to %d' % (name, value, limit))
    return int(value)


def one_of(name, value, allowed):
    """value, if it is among the allowed; else ValueError."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError('%s = %.200r: must be one of %s' % (name, value, ', '.join(allowed)))
    return value


def a_layer(name, value):
    """value, if it has what a layer has; else ValueError."""
    if not all(hasattr(value, attribute) for attribute in ('params', 'output', 'H')):
        raise ValueError('%s = %.200r: must be a layer, such as a ConvLayer or a FullLayer' % (name, value))
    return value
