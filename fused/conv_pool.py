"""The Ops of convolution + max-pooling, and of its gradients for W and X.

rewrite.py puts them into graphs, after gradients have been taken.
"""
from theano_setup import theano
import theano.tensor as T
from theano.tensor.nnet.abstract_conv import get_conv_output_shape
from theano.tensor.signal.pool import Pool

from .kernel_op import KernelOp


class ConvPoolOp(KernelOp):
    """What the three Ops share: the geometry, and how C learns of it.

    border_mode: 'valid', 'full', 'half' or ((top, bottom), (left, right));
    flip: a true convolution; ds, stride, pad, ignore_border: as in pool_2d;
    imshp (B, Xnch, Xrow, Xcol), kshp (Wnch, Xnch, Wrow, Wcol): None where unknown.
    Shapes that disagree with these or with each other are a ValueError in the call.
    """
    __props__ = 'border_mode', 'flip', 'ds', 'stride', 'pad', 'ignore_border', 'imshp', 'kshp'

    def __init__(self, border_mode, flip, ds, stride, pad, ignore_border, imshp=None, kshp=None, openmp=None):
        super().__init__(openmp=openmp)
        imshp, kshp = imshp or (None,) * 4, kshp or (None,) * 4
        Xnch = imshp[1] if kshp[1] is None else kshp[1]
        self.imshp = (None, Xnch) + tuple(imshp[2:])    # any B: last minibatches are smaller
        self.kshp = (kshp[0], Xnch) + tuple(kshp[2:])
        self.border_mode, self.flip, self.ignore_border = border_mode, flip, ignore_border
        self.ds, self.stride, self.pad = tuple(ds), tuple(stride), tuple(pad)

    @property
    def words(self):
        """Words for the positions of a window, a bit each, and their dtype."""
        area = self.ds[0] * self.ds[1]
        return -(-area // 32), 'uint8' if area <= 8 else 'uint16' if area <= 16 else 'uint32'

    def pooled(self, imshp, kshp):
        """Shape of Z, symbolic or numeric."""
        Y = get_conv_output_shape(imshp, kshp, self.border_mode, (1, 1))
        return Pool.out_shape(Y, self.ds, self.ignore_border, self.stride, self.pad)

    def winners_shape(self, z):
        """Shape of `winners` for Z of shape z."""
        return z[0], z[2] * z[3], self.words[0], z[1]

    def defines(self, node):
        """The constants that kernels/sizes.h speaks of."""
        Wrow, Wcol = (n or '(%s)' % name for n, name in zip(self.kshp[2:], ('Wrow', 'Wcol')))
        zeros = {'valid': ((0, 0), (0, 0)),
                 'half': (('%s / 2' % Wrow,) * 2, ('%s / 2' % Wcol,) * 2),
                 'full': (('%s - 1' % Wrow,) * 2, ('%s - 1' % Wcol,) * 2)}
        top_bottom, left_right = zeros.get(self.border_mode, self.border_mode)
        names = 'XNCH XROW XCOL WNCH WROW WCOL DS0 DS1 ST0 ST1 PD0 PD1'.split()
        numbers = self.imshp[1:] + self.kshp[:1] + self.kshp[2:] + self.ds + self.stride + self.pad
        pads = zip(('PAD_T', 'PAD_B', 'PAD_L', 'PAD_R'), tuple(top_bottom) + tuple(left_right))
        return dict(super().defines(node), IGNORE_BORDER=int(self.ignore_border), FLIP=int(self.flip),
                    **{name: int(n or 0) for name, n in zip(names, numbers)},
                    **{name: '(%s)' % n for name, n in pads})


class ConvPool(ConvPoolOp):
    """Max-pooled convolution: X, W -> Z (B, Wnch, Zrow, Zcol) and, if asked for, winners.

    winners (B, Zrow * Zcol, words, Wnch) says in bits which positions of a window
    equal its maximum: all of them, where several do.
    """
    __props__ = ConvPoolOp.__props__ + ('with_winners',)
    c_file = 'conv_pool.h'

    def __init__(self, *args, with_winners=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.with_winners = with_winners

    def make_node(self, X, W):
        X, W = T.as_tensor_variable(X), T.as_tensor_variable(W)
        Z = T.TensorType(X.dtype, (X.broadcastable[0], W.broadcastable[0], False, False))
        winners = T.TensorType(self.words[1], (False,) * 4)
        return theano.Apply(self, [X, W], [Z()] + [winners()] * self.with_winners)

    def infer_shape(self, node, shapes):
        Z = tuple(self.pooled(*shapes))
        return [Z] + [self.winners_shape(Z)] * self.with_winners

    def defines(self, node):
        return dict(super().defines(node), WINNERS=int(self.with_winners))


class ConvPoolGradW(ConvPoolOp):
    """X, gZ, winners, (Wrow, Wcol) -> gW, the gradient for the filters."""
    c_file = 'grad_w.h'

    def make_node(self, X, gZ, winners, shape):
        X, gZ = T.as_tensor_variable(X), T.as_tensor_variable(gZ)
        gW = T.TensorType(X.dtype, (gZ.broadcastable[1], X.broadcastable[1], False, False))
        return theano.Apply(self, [X, gZ, winners, T.cast(shape, 'int64')], [gW()])

    def infer_shape(self, node, shapes):
        shape = node.inputs[3]
        return [(shapes[1][1], shapes[0][1], shape[0], shape[1])]


class ConvPoolGradX(ConvPoolOp):
    """W, gZ, winners, (Xrow, Xcol) -> gX, the gradient for the images."""
    c_file = 'grad_x.h'

    def make_node(self, W, gZ, winners, shape):
        W, gZ = T.as_tensor_variable(W), T.as_tensor_variable(gZ)
        gX = T.TensorType(W.dtype, (gZ.broadcastable[0], W.broadcastable[1], False, False))
        return theano.Apply(self, [W, gZ, winners, T.cast(shape, 'int64')], [gX()])

    def infer_shape(self, node, shapes):
        shape = node.inputs[3]
        return [(shapes[1][0], shapes[0][1], shape[0], shape[1])]
