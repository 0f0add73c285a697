"""Biases in parallel: the rewrite 'parallel_bias'.

Theano adds those of feature maps by loops over short rows, and sums the gradient of each bias in one chain of
additions, both on one core.
"""
from theano_setup import theano
import theano.scalar
import theano.tensor as T
from theano.compile import optdb
from theano.gof.opt import copy_stack_trace, in2out, local_optimizer

from .kernel_op import KernelOp

BIAS = 'x', 0, 'x', 'x'                       # how a vector lies along the maps of images


class AddBias(KernelOp):
    """X (N, F, rows, cols), b (F,) -> X + b, map by map; written over X where inplace.

    Shapes that do not fit raise ValueError in the call.
    """
    __props__ = 'inplace',
    c_file = 'bias.h'

    def __init__(self, inplace=False, openmp=None):
        super().__init__(openmp=openmp)
        self.inplace = inplace
        if inplace:
            self.destroy_map = {0: [0]}

    def make_node(self, X, b):
        return theano.Apply(self, [X, b], [X.type()])

    def infer_shape(self, node, shapes):
        return [shapes[0]]

    def defines(self, node):
        return dict(super().defines(node), INPLACE=int(self.inplace))


class BiasGradient(KernelOp):
    """G (N, F, rows, cols) or (N, F) -> its sums (F,), in the order and the precision of Theano's Sum: in double."""
    __props__ = ()
    c_file = 'bias.h'

    def make_node(self, G):
        return theano.Apply(self, [G], [T.TensorType(G.dtype, G.broadcastable[1:2])()])

    def infer_shape(self, node, shapes):
        return [shapes[0][1:2]]

    def defines(self, node):
        return dict(super().defines(node), INPLACE=0)


def added_bias(node):
    """X and b of X + b.dimshuffle('x', 0, 'x', 'x'); None if that is not what node does."""
    if not isinstance(node.op.scalar_op, theano.scalar.Add) or len(node.inputs) != 2:
        return None
    for X, B in node.inputs, node.inputs[::-1]:
        op = B.owner and B.owner.op
        if isinstance(op, T.DimShuffle) and op.new_order == BIAS and not B.owner.inputs[0].broadcastable[0] and \
                X.type == node.outputs[0].type and B.dtype == X.dtype:
            return X, B.owner.inputs[0]
    return None


@local_optimizer([T.Elemwise, T.Sum])
def parallel_bias(node):
    """Puts the parallel Ops in place of Theano's, for floats."""
    out = node.outputs[0]
    if not theano.config.cxx or out.dtype not in ('float32', 'float64') or any(
            not isinstance(v.type, T.TensorType) or v.dtype != out.dtype for v in node.inputs):
        return False
    if isinstance(node.op, T.Sum):
        if {2: (0,), 4: (0, 2, 3)}.get(node.inputs[0].ndim, ()) != node.op.axis or node.op.acc_dtype != 'float64':
            return False
        new = BiasGradient()(node.inputs[0])
    else:
        found = isinstance(node.op, T.Elemwise) and added_bias(node)
        if not found:
            return False
        new = AddBias()(*found)
    if new.type != out.type:
        return False
    copy_stack_trace(out, new)
    return [new]


@local_optimizer([AddBias])
def bias_inplace(node):
    if not isinstance(node.op, AddBias) or node.op.inplace:
        return False
    new = AddBias(inplace=True, openmp=node.op.openmp)(*node.inputs)
    copy_stack_trace(node.outputs[0], new)
    return [new]


# Before Theano makes one Op of neighbouring elementwise ones (49); after it has settled on those that write in place
# (70).
optdb.register('parallel_bias', in2out(parallel_bias, name='parallel_bias'), 48.7, 'fast_run', 'fused')
optdb.register('bias_inplace', in2out(bias_inplace, name='bias_inplace'), 70.5, 'fast_run', 'inplace', 'fused')
