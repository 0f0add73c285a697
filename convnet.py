"""Convolution + max-pooling layer, and the lines of the log for nets of such and of fully connected layers."""
from theano_setup import theano
import numpy as np
from theano.tensor.nnet import conv2d
from theano.tensor.signal.pool import pool_2d

import nnet
from nnet import AFUNC, initial_weights, one_of, positive_int


class ConvLayer:
    """Convolution, then max-pooling, then bias and activation function: Z = afunc(pool(X * W) + b).

    X: (N, Xnch, Xrow, Xcol) images, in pixels; W: (Wnch, Xnch, Wrow, Wcol) filters, flipped as in a true
    convolution, initially N(0, Wsigma^2); Y: (N, Wnch, Yrow, Ycol), only where the filter fits entirely;
    ds: (rows, cols) of the windows, which do not overlap; those that hang over the border count;
    b: (Wnch,), initially 0, or none; Z: (N, Wnch, Zrow, Zcol), H = Wnch Zrow Zcol values.
    rng: numpy RandomState that draws W. Raises ValueError naming the argument, its value and the limit.
    """

    def __init__(self, Xrow, Xcol, Xnch, Wrow, Wcol, Wnch, ds, afunc, withBias=True, Wsigma=0.05, rng=None):
        self.Xrow, self.Xcol = positive_int('Xrow', Xrow), positive_int('Xcol', Xcol)
        self.Wrow, self.Wcol = positive_int('Wrow', Wrow), positive_int('Wcol', Wcol)
        self.Xnch, self.Wnch = positive_int('Xnch', Xnch), positive_int('Wnch', Wnch)
        if not isinstance(ds, (tuple, list)) or len(ds) != 2:
            raise ValueError('ds = %.200r: must be two whole numbers, such as (2, 2)' % (ds,))
        self.ds = positive_int('ds[0]', ds[0]), positive_int('ds[1]', ds[1])
        if self.Wrow > self.Xrow:
            raise ValueError('Wrow = %d exceeds Xrow = %d' % (self.Wrow, self.Xrow))
        if self.Wcol > self.Xcol:
            raise ValueError('Wcol = %d exceeds Xcol = %d' % (self.Wcol, self.Xcol))
        self.afunc = one_of('afunc', afunc, [name for name in AFUNC if name != 'softmax'])
        self.withBias = one_of('withBias', withBias, (True, False))

        self.Yrow, self.Ycol = self.Xrow - self.Wrow + 1, self.Xcol - self.Wcol + 1
        self.Zrow, self.Zcol = -(-self.Yrow // self.ds[0]), -(-self.Ycol // self.ds[1])    # rounded up
        self.Xshape, self.Zshape = (self.Xnch, self.Xrow, self.Xcol), (self.Wnch, self.Zrow, self.Zcol)
        self.H = self.Wnch * self.Zrow * self.Zcol

        self.W = initial_weights((self.Wnch, self.Xnch, self.Wrow, self.Wcol), self.H, Wsigma, rng)
        self.b = theano.shared(np.zeros(self.Wnch, theano.config.floatX), 'b') if withBias else None
        self.params = [self.W] + ([self.b] if withBias else [])

    def output(self, X, training=False):
        Y = conv2d(X, self.W, input_shape=(None,) + self.Xshape,
                   filter_shape=(self.Wnch, self.Xnch, self.Wrow, self.Wcol))
        Z = pool_2d(Y, self.ds, ignore_border=False, mode='max')
        if self.withBias:
            Z = Z + self.b.dimshuffle('x', 0, 'x', 'x')
        return AFUNC[self.afunc](Z)

    def arguments(self):
        return dict(Xrow=self.Xrow, Xcol=self.Xcol, Xnch=self.Xnch, Wrow=self.Wrow, Wcol=self.Wcol, Wnch=self.Wnch,
                    ds=self.ds, afunc=self.afunc, withBias=self.withBias)

    def __repr__(self):
        return '%s(X %dx%dx%d * W %dx%dx%d -> Y %dx%dx%d, ds (%d, %d) -> Z %dx%dx%d, H %d, %s%s)' % (
            type(self).__name__, self.Xrow, self.Xcol, self.Xnch, self.Wrow, self.Wcol, self.Wnch, self.Yrow, self.Ycol,
            self.Wnch, self.ds[0], self.ds[1], self.Zrow, self.Zcol, self.Wnch, self.H, self.afunc,
            '' if self.withBias else ', no bias')


def log_header(hidden):
    """The lines of the log that describe a net of these hidden layers: a title, then a line for each layer.

    In the title, 'convnet' stands for conv layers alone, 'MLP' for fully connected ones alone. A layer of another
    class, that of a subclass too, is told by its repr.
    """
    kinds = {type(layer) for layer in hidden}
    title = '### %d-layer' % (len(hidden) + 1)
    H = ['H: %d' % layer.H for layer in hidden] if len(hidden) == 1 else [
        'H%d: %d' % (n, layer.H) for n, layer in enumerate(hidden, 1)]
    if kinds == {nnet.FullLayer}:
        return [title + ' MLP', '# D: %d %s' % (hidden[0].D, ' '.join(H))]
    lines = [title + (' convnet' if kinds == {ConvLayer} else '')]
    for n, layer in enumerate(hidden, 1):
        first = n == 1
        if type(layer) is ConvLayer:
            lines.append('# %sW%ddim: %s W%dnch: %d ds%d: %s %s' % (
                'Xdim: %s Xnch: %d ' % ((layer.Xrow, layer.Xcol), layer.Xnch) if first else '',
                n, (layer.Wrow, layer.Wcol), n, layer.Wnch, n, layer.ds, H[n - 1]))
        elif type(layer) is nnet.FullLayer:
            lines.append('# %s%s' % ('D: %d ' % layer.D if first else '', H[n - 1]))
        else:
            lines.append('# ' + ' '.join(repr(layer).split()))
    return lines + ['# ' + H[0]] * (len(hidden) == 1 and kinds == {ConvLayer})
