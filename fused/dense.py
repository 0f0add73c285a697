"""Matrix products of fully connected layers in parallel: the rewrite 'parallel_dot'.

Theano gives dot(A, B) and C - eta dot(A, B) to BLAS, one core's worth of work; a softmax layer has ten
columns, few for a BLAS. These Ops take their place, in C, on all cores.
"""
from theano_setup import theano
import theano.tensor as T
from theano.compile import optdb
from theano.gof.opt import copy_stack_trace, in2out, local_optimizer
from theano.compile.ops import Shape_i
from theano.tensor.blas import Dot22, Dot22Scalar, Gemm

from .kernel_op import KernelOp


class ParallelDot(KernelOp):
    """A (M, K), B (K, N) -> A B (M, N), float32 or float64. Shapes that do not fit raise ValueError in the call."""
    __props__ = ()
    c_file = 'product.h'

    def make_node(self, A, B):
        A, B = T.as_tensor_variable(A), T.as_tensor_variable(B)
        return theano.Apply(self, [A, B], [T.TensorType(A.dtype, (A.broadcastable[0], B.broadcastable[1]))()])

    def infer_shape(self, node, shapes):
        A, B = shapes
        return [(A[0], B[1])]


class ParallelGemm(KernelOp):
    """C (M, N), alpha, A (M, K), B (K, N), beta -> beta C + alpha A B, written over C."""
    __props__ = ()
    c_file = 'product.h'
    destroy_map = {0: [0]}

    def make_node(self, C, alpha, A, B, beta):
        inputs = [T.as_tensor_variable(v) for v in (C, alpha, A, B, beta)]
        return theano.Apply(self, inputs, [inputs[0].type()])

    def infer_shape(self, node, shapes):
        return [shapes[0]]


@local_optimizer([Dot22, Dot22Scalar, Gemm])
def parallel_dot(node):
    """Puts the parallel Ops in place of Theano's calls of BLAS, where it has settled on one."""
    dtype = node.outputs[0].dtype
    if not theano.config.cxx or dtype not in ('float32', 'float64') or any(v.dtype != dtype for v in node.inputs):
        return False
    if isinstance(node.op, Dot22):
        new = ParallelDot()(*node.inputs)
    elif isinstance(node.op, Dot22Scalar):                 # of a step without momentum
        A, B, alpha = node.inputs
        C = T.AllocEmpty(dtype)(Shape_i(0)(A), Shape_i(1)(B))
        new = ParallelGemm()(C, alpha, A, B, T.zeros((), dtype))
    elif isinstance(node.op, Gemm):
        C, *others = node.inputs
        new = ParallelGemm()(C if node.op.inplace else T.tensor_copy(C), *others)
    else:
        return False
    copy_stack_trace(node.outputs[0], new)
    return [new]


# After Theano has settled on its BLAS Ops (1.7) and on those that write in place (70).
optdb.register('parallel_dot', in2out(parallel_dot, name='parallel_dot'), 70.5, 'fast_run', 'inplace', 'fused')
