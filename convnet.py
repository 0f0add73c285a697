"""Convolution + max-pooling layer, and the lines of the log for nets of such and of fully connected layers."""
from theano_setup import theano
import numpy as np
from theano.tensor.nnet import conv2d
from theano.tensor.signal.pool import pool_2d

import nnet
from nnet import AFUNC, dropout, initial_weights, one_of, positive_int, share


class ConvLayer:
    """Convolution, then max-pooling, then bias and activation function: Z = afunc(pool(X * W) + b).

    X: (N, Xnch, Xrow, Xcol) images, in pixels; W: (Wnch, Xnch, Wrow, Wcol) filters, flipped as in a true
    convolution, initially N(0, Wsigma^2); Y: (N, Wnch, Yrow, Ycol), where the filter fits entirely into the image and
    pad zeros around it; ds: (rows, cols) of the windows, moved by st, ds where not given; those that hang over the
    border count; b: (Wnch,), initially 0, or none; Z: (N, Wnch, Zrow, Zcol), H = Wnch Zrow Zcol values, of which the
    share drop is left out in training. rng: numpy RandomState that draws W.
    Raises ValueError naming the argument, its value and the limit.
    """

    def __init__(self, Xrow, Xcol, Xnch, Wrow, Wcol, Wnch, ds, afunc, withBias=True, Wsigma=0.05, rng=None, st=None,
                 pad=0, drop=0.):
        self.Xrow, self.Xcol = positive_int('Xrow', Xrow), positive_int('Xcol', Xcol)
        self.Wrow, self.Wcol = positive_int('Wrow', Wrow), positive_int('Wcol', Wcol)
        self.Xnch, self.Wnch = positive_int('Xnch', Xnch), positive_int('Wnch', Wnch)
        self.ds, self.st = pair('ds', ds), pair('st', ds if st is None else st)
        self.pad, self.drop = positive_int('pad', pad, least=0), share('drop', drop)
        for W, X, name in ((self.Wrow, self.Xrow, 'row'), (self.Wcol, self.Xcol, 'col')):
            if W > X + 2 * self.pad:
                raise ValueError('W%s = %d exceeds X%s = %d%s' % (name, W, name, X, ' + 2 pad' if self.pad else ''))
        self.afunc = one_of('afunc', afunc, [name for name in AFUNC if name != 'softmax'])
        self.withBias = one_of('withBias', withBias, (True, False))

        self.Yrow, self.Ycol = self.Xrow + 2 * self.pad - self.Wrow + 1, self.Xcol + 2 * self.pad - self.Wcol + 1
        self.Zrow, self.Zcol = (windows(*item) for item in zip((self.Yrow, self.Ycol), self.ds, self.st))
        self.Xshape, self.Zshape = (self.Xnch, self.Xrow, self.Xcol), (self.Wnch, self.Zrow, self.Zcol)
        self.H = self.Wnch * self.Zrow * self.Zcol

        self.W = initial_weights((self.Wnch, self.Xnch, self.Wrow, self.Wcol), self.H, Wsigma, rng)
        self.b = theano.shared(np.zeros(self.Wnch, theano.config.floatX), 'b') if withBias else None
        self.params = [self.W] + ([self.b] if withBias else [])

    def output(self, X, training=False):
        Y = conv2d(X, self.W, input_shape=(None,) + self.Xshape,
                   filter_shape=(self.Wnch, self.Xnch, self.Wrow, self.Wcol),
                   border_mode=(self.pad, self.pad) if self.pad else 'valid')
        Z = pool_2d(Y, self.ds, ignore_border=False, stride=self.st, mode='max')
        if self.withBias:
            Z = Z + self.b.dimshuffle('x', 0, 'x', 'x')
        Z = AFUNC[self.afunc](Z)
        return dropout(Z, self.drop, self.W) if training and self.drop else Z

    def arguments(self):
        return dict(Xrow=self.Xrow, Xcol=self.Xcol, Xnch=self.Xnch, Wrow=self.Wrow, Wcol=self.Wcol, Wnch=self.Wnch,
                    ds=self.ds, afunc=self.afunc, withBias=self.withBias, st=self.st, pad=self.pad, drop=self.drop)

    def __repr__(self):
        return '%s(X %dx%dx%d%s * W %dx%dx%d -> Y %dx%dx%d, ds %s%s -> Z %dx%dx%d, H %d, %s%s%s)' % (
            type(self).__name__, self.Xrow, self.Xcol, self.Xnch, ' pad %d' % self.pad if self.pad else '',
            self.Wrow, self.Wcol, self.Wnch, self.Yrow, self.Ycol, self.Wnch,
            self.ds, ' st (%d, %d)' % self.st if self.st != self.ds else '', self.Zrow, self.Zcol, self.Wnch, self.H,
            self.afunc, '' if self.withBias else ', no bias', ', drop %g' % self.drop if self.drop else '')


def pair(name, value):
    """Two whole numbers of at least 1, as a tuple; else ValueError."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ValueError('%s = %.200r: must be two whole numbers, such as (2, 2)' % (name, value))
    return positive_int(name + '[0]', value[0]), positive_int(name + '[1]', value[1])


def windows(Y, ds, st):
    """How many windows of ds pixels, moved by st, cover a line of Y: the last may hang over the border."""
    return max(0, -(-(Y - ds) // st)) + 1 if st <= ds else -(-Y // st)


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
            lines.append('# %sW%ddim: %s W%dnch: %d ds%d: %s %s%s%s' % (
                'Xdim: %s Xnch: %d ' % ((layer.Xrow, layer.Xcol), layer.Xnch) if first else '',
                n, (layer.Wrow, layer.Wcol), n, layer.Wnch, n, layer.ds,
                'st%d: %s ' % (n, layer.st) if layer.st != layer.ds else '',
                'pad%d: %d ' % (n, layer.pad) if layer.pad else '', H[n - 1]))
        elif type(layer) is nnet.FullLayer:
            lines.append('# %s%s' % ('D: %d ' % layer.D if first else '', H[n - 1]))
        else:
            lines.append('# ' + ' '.join(repr(layer).split()))
    return lines + ['# ' + H[0]] * (len(hidden) == 1 and kinds == {ConvLayer})
