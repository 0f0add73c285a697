"""The rewrite that puts the fused Ops into graphs: 'conv_pool_fusion'.

    Y = AbstractConv2d(X, W)               Z, winners = ConvPool(X, W)
    Z = Pool(Y)                       ->
    gY = MaxPoolGrad(Y, Z, gZ)
    gW = ..._gradWeights(X, gY, shape)     gW = ConvPoolGradW(X, gZ, winners, shape)
    gX = ..._gradInputs(W, gY, shape)      gX = ConvPoolGradX(W, gZ, winners, shape)

Only where Y goes nowhere else. Everything else is left to stock Theano: other
modes of pooling, very large windows, strided, dilated, grouped or unshared
convolution, other dtypes, feature maps that are used otherwise, gradients of
gradients.
"""
from theano_setup import theano
import theano.tensor as T
from theano.compile import optdb
from theano.gof.opt import copy_stack_trace, in2out, local_optimizer
from theano.tensor.nnet.abstract_conv import (
    AbstractConv2d, AbstractConv2d_gradInputs, AbstractConv2d_gradWeights,
    get_conv_output_shape)
from theano.tensor.signal.pool import MaxPoolGrad, Pool

from .conv_pool import ConvPool, ConvPoolGradW, ConvPoolGradX

LARGEST_WINDOW = 2**16                  # pixels: the kernels keep a number for each on the stack


def pool_window(node):
    """ds, stride, pad of a Pool or MaxPoolGrad node; None if they are not constant."""
    try:
        window = [tuple(int(T.get_scalar_constant_value(v[k])) for k in (0, 1))
                  for v in node.inputs[-3:]]
    except (T.NotScalarConstantError, IndexError):
        return None
    ds, stride, pad = window
    fits = min(ds) > 0 and min(stride) > 0 and all(0 <= p < d for p, d in zip(pad, ds))
    return window if fits and (node.op.ignore_border or not any(pad)) else None


def known_shapes(conv):
    """imshp and kshp of an abstract convolution in plain ints, None where unknown."""
    return [tuple(n if n is None else int(T.get_scalar_constant_value(n)) for n in shape)
            for shape in (conv.imshp, conv.kshp)]


def geometry(node):
    """Keywords for the fused Ops in place of the Pool node; None if it is not for them."""
    if node.op.mode != 'max' or node.op.ndim != 2 or node.inputs[0].ndim != 4:
        return None
    conv_node, window = node.inputs[0].owner, pool_window(node)
    if window is None or conv_node is None or not isinstance(conv_node.op, AbstractConv2d):
        return None
    conv = conv_node.op
    plain = conv.convdim == 2 and conv.num_groups == 1 and not conv.unshared and \
        conv.subsample == conv.filter_dilation == (1, 1)
    X, W = conv_node.inputs
    if not plain or X.dtype != W.dtype or X.dtype not in ('float32', 'float64') or \
            not all(isinstance(v.type, T.TensorType) for v in (X, W)):
        return None
    imshp, kshp = known_shapes(conv)
    if None not in (imshp[1], kshp[1]) and imshp[1] != kshp[1]:
        return None
    border = conv.border_mode
    if isinstance(border, tuple):
        border = tuple(b if isinstance(b, tuple) else (b, b) for b in border)
    ds, stride, pad = window
    Y = get_conv_output_shape(imshp, kshp, border, (1, 1))[2:]
    if None not in Y and min(Y) < 1:
        return None
    # A single window that sticks out of the feature map is a smaller, whole one.
    ds, stride = zip(*[(y, y) if y is not None and not p and y < d and not node.op.ignore_border
                       else (d, s) for y, d, s, p in zip(Y, ds, stride, pad)])
    if ds[0] * ds[1] > LARGEST_WINDOW:
        return None
    return dict(border_mode=border, flip=bool(conv.filter_flip), ds=ds, stride=stride,
                pad=pad, ignore_border=node.op.ignore_border, imshp=imshp, kshp=kshp)


def is_gradient(node, pool):
    """Whether node is MaxPoolGrad of that Pool node."""
    return (node != 'output' and isinstance(node.op, MaxPoolGrad)
            and node.op.ndim == 2 and node.op.ignore_border == pool.op.ignore_border
            and node.inputs[:2] == [pool.inputs[0], pool.outputs[0]]
            and pool_window(node) == pool_window(pool))


def conv_gradient(node, gY, conv):
    """The fused Op for a gradient of that convolution from gY; None if it is none."""
    if node == 'output' or node.inputs[1] is not gY or any(
            getattr(node.op, p, None) != getattr(conv.op, p) for p in conv.op.__props__
            if p not in ('imshp', 'kshp')):
        return None
    X, W = conv.inputs
    if isinstance(node.op, AbstractConv2d_gradWeights) and node.inputs[0] is X:
        return ConvPoolGradW
    if isinstance(node.op, AbstractConv2d_gradInputs) and node.inputs[0] is W:
        return ConvPoolGradX
    return None


@local_optimizer([Pool])
def conv_pool_fusion(node):
    """Replaces the Pool node, its convolution and all their gradients, or nothing."""
    if not isinstance(node.op, Pool) or not theano.config.cxx:
        return False
    shapes = geometry(node)
    if shapes is None:
        return False
    conv, Y, Z = node.inputs[0].owner, node.inputs[0], node.outputs[0]
    pool_grads = [client for client, _ in Y.clients if client is not node]
    if not all(is_gradient(client, node) for client in pool_grads):
        return False
    grads = []                          # (node, fused Op, gZ)
    for pool_grad in pool_grads:
        gY, gZ = pool_grad.outputs[0], pool_grad.inputs[2]
        for client, _ in gY.clients:
            op = conv_gradient(client, gY, conv)
            if op is None or gZ.dtype != Z.dtype:
                return False
            grads.append((client, op(**shapes), gZ))

    fused = ConvPool(with_winners=bool(grads), **shapes)(*conv.inputs, return_list=True)
    replacements = {Z: fused[0]}
    for client, op, gZ in grads:
        replacements[client.outputs[0]] = op(client.inputs[0], gZ, fused[1], client.inputs[2])
    for old, new in replacements.items():
        copy_stack_trace([Y, old] if old is Z else old, new)
        replacements[old] = T.patternbroadcast(new, old.broadcastable)
        copy_stack_trace(old, replacements[old])
    return replacements


# After the GPU's turn (48.5), which wants the convolutions itself, and before
# Theano settles the abstract convolutions (48.6).
optdb.register('conv_pool_fusion', in2out(conv_pool_fusion, name='conv_pool_fusion'),
               48.55, 'fast_run', 'fused')
