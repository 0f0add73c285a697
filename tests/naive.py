"""Convolution, pooling and gradients written as loops, to compare with."""
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
