"""Convolution, pooling, nets and training written as loops in NumPy, to compare with."""
import numpy as np
from scipy.signal import convolve2d
from scipy.special import expit

AFUNC = {'linear': lambda Y: Y, 'ReLu': lambda Y: np.maximum(Y, 0), 'sigmoid': expit, 'tanh': np.tanh}


def conv(X, W):
    """(N, Wnch, Yrow, Ycol) of images X (N, Xnch, Xrow, Xcol) and filters W (Wnch, Xnch, Wrow, Wcol)."""
    return np.array([[sum(convolve2d(x[c], w[c], 'valid') for c in range(len(x))) for w in W] for x in X])


def max_pool(Y, ds):
    """The maximum of each window of ds = (rows, cols), those that hang over the border included."""
    N, nch, Yrow, Ycol = Y.shape
    Z = np.empty((N, nch, -(-Yrow // ds[0]), -(-Ycol // ds[1])))
    for i in range(Z.shape[2]):
        for j in range(Z.shape[3]):
            Z[:, :, i, j] = Y[:, :, i * ds[0]:(i + 1) * ds[0], j * ds[1]:(j + 1) * ds[1]].max(axis=(2, 3))
    return Z


def softmax(Y):
    e = np.exp(Y - Y.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def output(layers, X):
    """What ConvLayers and FullLayers make of X, one after the other."""
    for layer in layers:
        W = layer.W.get_value()
        b = layer.b.get_value() if layer.withBias else np.zeros(len(W) if W.ndim == 4 else W.shape[1])
        if W.ndim == 4:
            X = AFUNC[layer.afunc](max_pool(conv(X, W), layer.ds) + b[:, None, None])
        else:
            Y = X.reshape(len(X), -1).dot(W) + b
            X = softmax(Y) if layer.afunc == 'softmax' else AFUNC[layer.afunc](Y)
    return X


def cost(p, t):
    """Mean cross-entropy, in nats, of class probabilities p (N, K) at labels t (N,)."""
    return -np.log(p[np.arange(len(t)), t].astype('float64')).mean()


def gradients(params, x, t):
    """Of the mean cross-entropy of softmax(tanh(x W1 + b1) W2 + b2), by each of params."""
    W1, b1, W2, b2 = params
    Z = np.tanh(x.dot(W1) + b1)
    d2 = (softmax(Z.dot(W2) + b2) - np.eye(len(b2))[t]) / len(x)
    d1 = d2.dot(W2.T) * (1 - Z**2)
    return x.T.dot(d1), d1.sum(0), Z.T.dot(d2), d2.sum(0)


def train(params, X, t, eta, mu, batchsize, nepoch, rng, decay=0):
    """Momentum SGD on such a net, params changed in place; eta of the epoch; decay: of W1, that of decay/2 |W1|^2."""
    velocities = [np.zeros_like(W) for W in params]
    for epoch in range(1, nepoch + 1):
        order = rng.permutation(len(X))
        for first in range(0, len(X), batchsize):
            index = order[first:first + batchsize]
            g = list(gradients(params, X[index], t[index]))
            g[0] = g[0] + decay * params[0]
            for W, v, dW in zip(params, velocities, g):
                v *= mu
                v -= eta(epoch) * dW
                W += v
