"""The fused Ops: convolution + max-pooling, and its gradients for W and X.

All three are written in C, compiled once for every set of sizes.
rewrite.py puts them into graphs, after gradients have been taken.
"""
import os

import numpy as np
from theano_setup import theano
import theano.tensor as T
from theano.tensor.nnet.abstract_conv import get_conv_output_shape
from theano.tensor.signal.pool import Pool

# Raise it with every change of the C files: compiled modules are kept under it.
VERSION = 9


def read(*names):
    """The text of these files of this folder, one after the other."""
    folder = os.path.dirname(os.path.abspath(__file__))
    texts = []
    for name in names:
        with open(os.path.join(folder, name)) as f:
            texts.append(f.read())
    return '\n'.join(texts)


class FusedOp(theano.gof.OpenMPOp):
    """What the three Ops share: the geometry, and how C learns of it.

    border_mode: 'valid', 'full', 'half' or ((top, bottom), (left, right));
    flip: a true convolution; ds, stride, pad, ignore_border: as in pool_2d;
    imshp (B, Xnch, Xrow, Xcol), kshp (Wnch, Xnch, Wrow, Wcol): None where unknown.
    Shapes that disagree with these or with each other are a ValueError in the call.
    """
    __props__ = ('border_mode', 'flip', 'ds', 'stride', 'pad', 'ignore_border',
                 'imshp', 'kshp', 'plain')

    def __init__(self, border_mode, flip, ds, stride, pad, ignore_border,
                 imshp=None, kshp=None, plain=False, openmp=None):
        super(FusedOp, self).__init__(openmp=openmp)
        imshp, kshp = imshp or (None,) * 4, kshp or (None,) * 4
        Xnch = imshp[1] if kshp[1] is None else kshp[1]
        self.imshp = (None, Xnch) + tuple(imshp[2:])    # any B: last minibatches are smaller
        self.kshp = (kshp[0], Xnch) + tuple(kshp[2:])
        self.border_mode, self.flip, self.ignore_border = border_mode, flip, ignore_border
        self.ds, self.stride, self.pad = tuple(ds), tuple(stride), tuple(pad)
        self.plain = plain

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
        return (z[0], z[2] * z[3], self.words[0], z[1])

    def defines(self, dtype):
        """The constants the C files are compiled with; sizes are 0 if unknown."""
        Wrow, Wcol = (n or '(%s)' % name for n, name in zip(self.kshp[2:], ('Wrow', 'Wcol')))
        zeros = {'valid': ((0, 0), (0, 0)),
                 'half': (('%s / 2' % Wrow,) * 2, ('%s / 2' % Wcol,) * 2),
                 'full': (('%s - 1' % Wrow,) * 2, ('%s - 1' % Wcol,) * 2)}
        top_bottom, left_right = zeros.get(self.border_mode, self.border_mode)
        known = None not in self.imshp[2:] + self.kshp[2:]
        Y = get_conv_output_shape(self.imshp, self.kshp, self.border_mode, (1, 1))[2:]
        Z = self.pooled(self.imshp, self.kshp)[2:] if known else (0, 0)
        d = dict(zip(('XNCH', 'XROW', 'XCOL'), self.imshp[1:]))
        d.update(zip(('WNCH', 'XNCH', 'WROW', 'WCOL'), self.kshp))
        d.update(zip(('YROW', 'YCOL', 'ZCOL'), tuple(Y) + (Z[1],) if known else (0, 0, 0)))
        d = {name: int(n or 0) for name, n in d.items()}
        d.update(zip(('DS0', 'DS1', 'ST0', 'ST1', 'PD0', 'PD1'),
                     self.ds + self.stride + self.pad))
        d.update(zip(('PAD_T', 'PAD_B', 'PAD_L', 'PAD_R'),
                     ('(%s)' % n for n in tuple(top_bottom) + tuple(left_right))))
        d.update(IGNORE_BORDER=int(self.ignore_border), FLIP=int(self.flip),
                 REAL={'float32': 'float', 'float64': 'double'}[dtype],
                 REAL_BYTES=np.dtype(dtype).itemsize, REAL_NUM='NPY_' + dtype.upper(),
                 PLAIN=int(self.plain))
        return d

    # Each node has the C code in a namespace of its own, and scratch memory
    # that lives as long as the compiled function.

    def c_headers(self):
        return ['<stdint.h>', '<stdlib.h>', '<string.h>'] + super(FusedOp, self).c_headers()

    def c_compile_args(self):
        # Predictive commoning keeps pixels in registers from one tap to the next,
        # and spills them; a multiply-add takes its pixel from memory for nothing.
        return ['-fno-predictive-commoning'] + super(FusedOp, self).c_compile_args()

    def c_support_code_apply(self, node, name):
        lines = ['#undef %s\n#define %s %s' % (key, key, value)
                 for key, value in sorted(self.defines(node.inputs[0].dtype).items())]
        return '\n'.join(lines + ['namespace fused_%s {' % name, self.c_file_text, '}'])

    def c_support_code_struct(self, node, name):
        return 'fused_%s::Scratch scratch_%s;' % (name, name)

    def c_init_code_struct(self, node, name, sub):
        return 'scratch_%s.memory = NULL; scratch_%s.bytes = 0;' % (name, name)

    def c_cleanup_code_struct(self, node, name):
        return 'free(scratch_%s.memory);' % name

    def c_code(self, node, name, inputs, outputs, sub):
        arguments = ', '.join(list(inputs) + ['&' + out for out in outputs])
        return 'if (fused_%s::run(&scratch_%s, %s)) { %s }' % (
            name, name, arguments, sub['fail'])

    def c_code_cache_version(self):
        return VERSION, self.openmp


class ConvPool(FusedOp):
    """Max-pooled convolution: X, W -> Z (B, Wnch, Zrow, Zcol) and, if asked for, winners.

    winners (B, Zrow * Zcol, words, Wnch) says in bits which positions of a window
    equal its maximum: all of them, where several do.
    """
    __props__ = FusedOp.__props__ + ('with_winners',)
    c_file_text = read('common.c', 'conv_pool.c')

    def __init__(self, *args, **kwargs):
        self.with_winners = kwargs.pop('with_winners', False)
        super(ConvPool, self).__init__(*args, **kwargs)

    def make_node(self, X, W):
        X, W = T.as_tensor_variable(X), T.as_tensor_variable(W)
        Z = T.TensorType(X.dtype, (X.broadcastable[0], W.broadcastable[0], False, False))
        winners = T.TensorType(self.words[1], (False,) * 4)
        return theano.Apply(self, [X, W], [Z()] + [winners()] * self.with_winners)

    def infer_shape(self, node, shapes):
        Z = tuple(self.pooled(*shapes))
        return [Z] + [self.winners_shape(Z)] * self.with_winners

    def defines(self, dtype):
        return dict(super(ConvPool, self).defines(dtype),
                    WINNERS=int(self.with_winners))


class ConvPoolGradW(FusedOp):
    """X, gZ, winners, (Wrow, Wcol) -> gW, the gradient for the filters.

    The same bits whatever the number of threads.
    """
    c_file_text = read('common.c', 'gradient.c', 'grad_w.c')

    def make_node(self, X, gZ, winners, shape):
        X, gZ = T.as_tensor_variable(X), T.as_tensor_variable(gZ)
        gW = T.TensorType(X.dtype, (gZ.broadcastable[1], X.broadcastable[1], False, False))
        return theano.Apply(self, [X, gZ, winners, T.cast(shape, 'int64')], [gW()])

    def infer_shape(self, node, shapes):
        shape = node.inputs[3]
        return [(shapes[1][1], shapes[0][1], shape[0], shape[1])]

    def defines(self, dtype):
        return dict(super(ConvPoolGradW, self).defines(dtype), GRAD_W=1)


class ConvPoolGradX(FusedOp):
    """W, gZ, winners, (Xrow, Xcol) -> gX, the gradient for the images."""
    c_file_text = read('common.c', 'gradient.c', 'grad_x.c')

    def make_node(self, W, gZ, winners, shape):
        W, gZ = T.as_tensor_variable(W), T.as_tensor_variable(gZ)
        gX = T.TensorType(W.dtype, (gZ.broadcastable[0], W.broadcastable[1], False, False))
        return theano.Apply(self, [W, gZ, winners, T.cast(shape, 'int64')], [gX()])

    def infer_shape(self, node, shapes):
        shape = node.inputs[3]
        return [(shapes[1][0], shapes[0][1], shape[0], shape[1])]

    def defines(self, dtype):
        return dict(super(ConvPoolGradX, self).defines(dtype), GRAD_W=0)
