"""Minibatches gathered on all cores: the rewrite 'parallel_take'.

X[index] of a shared variable X is a copy of rows that lie far apart in memory: Theano makes it on one
core, while the others wait for the minibatch.
"""
from theano_setup import theano
import theano.tensor as T
from theano.compile import optdb
from theano.gof.opt import copy_stack_trace, in2out, local_optimizer
from theano.tensor.subtensor import AdvancedSubtensor1

from .kernel_op import KernelOp


class ParallelTake(KernelOp, AdvancedSubtensor1):
    """X (N, ...), index (n,) of int32 or int64 -> X[index] (n, ...), a copy, as AdvancedSubtensor1 makes it.

    A negative index counts from the end; one that is not in X raises IndexError in the call.
    """
    c_file = 'rows.h'

    def __init__(self, openmp=None):
        KernelOp.__init__(self, openmp=openmp)


@local_optimizer([AdvancedSubtensor1])
def parallel_take(node):
    """Puts the parallel Op in place of Theano's, for rows of floats."""
    if not theano.config.cxx or type(node.op) is not AdvancedSubtensor1:
        return False
    X, index = node.inputs
    if X.ndim < 2 or X.dtype not in ('float32', 'float64') or index.dtype not in ('int32', 'int64') or \
            not all(isinstance(v.type, T.TensorType) for v in (X, index)):
        return False
    new = ParallelTake()(X, index)
    copy_stack_trace(node.outputs[0], new)
    return [new]


# After all that Theano itself does with it.
optdb.register('parallel_take', in2out(parallel_take, name='parallel_take'), 70.5, 'fast_run', 'fused')
