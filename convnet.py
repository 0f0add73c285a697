"""Convolution + max-pooling layer."""
import theano_setup  # noqa: F401  before Theano, which it sets up
import numpy as np
import theano
import theano.tensor as T
from theano.tensor.signal.pool import pool_2d

from run.settings import check
from nnet import AFUNC, initial_weights, one_of, whole


class ConvLayer:
    """Convolution, then max-pooling, then bias and activation function: Z = afunc(pool(X * W) + b).

    X: (N, Xnch, Xrow, Xcol) images, in pixels; W: (Wnch, Xnch, Wrow, Wcol) filters, flipped as in a true
    convolution, initially N(0, Wsigma^2); Y: (N, Wnch, Yrow, Ycol), only where the filter fits entirely;
    ds: (rows, cols) of the windows, which do not overlap; those that hang over the border count;
    b: (Wnch,), initially 0, or none; Z: (N, Wnch, Zrow, Zcol), H = Wnch Zrow Zcol values.
    rng: numpy RandomState that draws W. Raises ValueError naming the argument, its value and the limit.
    """

    def __init__(self, Xrow, Xcol, Xnch, Wrow, Wcol, Wnch, ds, afunc, withBias=True, Wsigma=0.1, rng=None):
        self.Xrow, self.Xcol, self.Xnch = whole('Xrow', Xrow), whole('Xcol', Xcol), whole('Xnch', Xnch)
        self.Wrow, self.Wcol, self.Wnch = whole('Wrow', Wrow), whole('Wcol', Wcol), whole('Wnch', Wnch)
        if not isinstance(ds, (tuple, list)) or len(ds) != 2:
            raise ValueError('ds = %.200r: must be two whole numbers, such as (2, 2)' % (ds,))
        self.ds = whole('ds[0]', ds[0]), whole('ds[1]', ds[1])
        if self.Wrow > self.Xrow:
            raise ValueError('Wrow = %d exceeds Xrow = %d' % (self.Wrow, self.Xrow))
        if self.Wcol > self.Xcol:
            raise ValueError('Wcol = %d exceeds Xcol = %d' % (self.Wcol, self.Xcol))
        self.afunc = one_of('afunc', afunc, [name for name in AFUNC if name != 'softmax'])
        check('withBias', withBias)

        self.Yrow, self.Ycol = self.Xrow - self.Wrow + 1, self.Xcol - self.Wcol + 1
        self.Zrow, self.Zcol = -(-self.Yrow // self.ds[0]), -(-self.Ycol // self.ds[1])    # rounded up
        self.H = self.Wnch * self.Zrow * self.Zcol

        self.W = initial_weights((self.Wnch, self.Xnch, self.Wrow, self.Wcol), self.H, Wsigma, rng)
        self.b = theano.shared(np.zeros(self.Wnch, theano.config.floatX), 'b') if withBias else None
        self.params = [self.W] + ([self.b] if withBias else [])

    def output(self, X):
        Y = T.nnet.conv2d(X, self.W, input_shape=(None, self.Xnch, self.Xrow, self.Xcol),
                          filter_shape=(self.Wnch, self.Xnch, self.Wrow, self.Wcol))
        Z = pool_2d(Y, self.ds, ignore_border=False, mode='max')
        if self.b is not None:
            Z = Z + self.b.dimshuffle('x', 0, 'x', 'x')
        return AFUNC[self.afunc](Z)

    def __repr__(self):
        return 'ConvLayer(X %dx%dx%d * W %dx%dx%d -> Y %dx%dx%d, ds (%d, %d) -> Z %dx%dx%d, H %d, %s%s)' % (
            self.Xrow, self.Xcol, self.Xnch, self.Wrow, self.Wcol, self.Wnch, self.Yrow, self.Ycol, self.Wnch,
            self.ds[0], self.ds[1], self.Zrow, self.Zcol, self.Wnch, self.H, self.afunc,
            '' if self.b else ', no bias')
