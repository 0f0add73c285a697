"""Matrix products of fully connected layers in parallel: the rewrite 'parallel_dot'.

Theano gives dot(A, B) and C - eta dot(A, B) to BLAS, one core's worth of work; a softmax layer has ten
columns, few for a BLAS. These Ops take their place, in C, on all cores.
"""
import os

import numpy as np
from theano_setup import theano
import theano.tensor as T
from theano.compile import optdb
from theano.gof.opt import copy_stack_trace, in2out, local_optimizer
from theano.tensor.blas import Dot22, Gemm

# Raise it with every change of the C file: compiled modules are kept under it.
VERSION = 2

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'dense.c')) as c_file:
    C_CODE = c_file.read()


class ParallelDot(theano.gof.OpenMPOp):
    """A (M, K), B (K, N) -> A B (M, N), float32 or float64.

    Each element is summed over K in order, by one thread: the same bits whatever the number of threads.
    Shapes that do not fit raise ValueError in the call.
    """
    __props__ = ('plain',)

    def __init__(self, plain=False, openmp=None):
        super(ParallelDot, self).__init__(openmp=openmp)
        self.plain = plain

    def make_node(self, A, B):
        A, B = T.as_tensor_variable(A), T.as_tensor_variable(B)
        return theano.Apply(self, [A, B], [T.TensorType(A.dtype, (A.broadcastable[0], B.broadcastable[1]))()])

    def infer_shape(self, node, shapes):
        A, B = shapes
        return [(A[0], B[1])]

    def c_headers(self):
        return ['<stdlib.h>', '<string.h>'] + super(ParallelDot, self).c_headers()

    def c_support_code_apply(self, node, name):
        dtype = np.dtype(node.outputs[0].dtype)
        constants = dict(REAL={'float32': 'float', 'float64': 'double'}[dtype.name], REAL_BYTES=dtype.itemsize,
                         PLAIN=int(self.plain))
        lines = ['#undef %s\n#define %s %s' % (key, key, value) for key, value in sorted(constants.items())]
        return '\n'.join(lines + ['namespace dense_%s {' % name, C_CODE, '}'])

    def c_support_code_struct(self, node, name):
        return 'dense_%s::Scratch scratch_%s;' % (name, name)

    def c_init_code_struct(self, node, name, sub):
        return 'scratch_%s.memory = NULL; scratch_%s.bytes = 0;' % (name, name)

    def c_cleanup_code_struct(self, node, name):
        return 'free(scratch_%s.memory);' % name

    def c_code(self, node, name, inputs, outputs, sub):
        A, B = inputs
        return """
        npy_intp dims[2] = {PyArray_DIM(%(A)s, 0), PyArray_DIM(%(B)s, 1)};
        if (!%(C)s || !PyArray_CompareLists(PyArray_DIMS(%(C)s), dims, 2) || !PyArray_IS_C_CONTIGUOUS(%(C)s)) {
            Py_XDECREF(%(C)s);
            %(C)s = (PyArrayObject *)PyArray_EMPTY(2, dims, PyArray_TYPE(%(A)s), 0);
        }
        if (!%(C)s || dense_%(name)s::run(&scratch_%(name)s, %(A)s, %(B)s, %(C)s, 1, 0)) { %(fail)s }
        """ % dict(A=A, B=B, C=outputs[0], name=name, fail=sub['fail'])

    def c_code_cache_version(self):
        return VERSION, self.openmp


class ParallelGemm(ParallelDot):
    """C (M, N), alpha, A (M, K), B (K, N), beta -> beta C + alpha A B, written over C."""
    destroy_map = {0: [0]}

    def make_node(self, C, alpha, A, B, beta):
        inputs = [T.as_tensor_variable(v) for v in (C, alpha, A, B, beta)]
        return theano.Apply(self, inputs, [inputs[0].type()])

    def infer_shape(self, node, shapes):
        return [shapes[0]]

    def c_code(self, node, name, inputs, outputs, sub):
        C, alpha, A, B, beta = inputs
        return """
        if (%(out)s != %(C)s) {
            Py_XDECREF(%(out)s);
            %(out)s = %(C)s;
            Py_INCREF(%(out)s);
        }
        if (dense_%(name)s::run(&scratch_%(name)s, %(A)s, %(B)s, %(out)s,
                                *(%(real)s *)PyArray_DATA(%(alpha)s), *(%(real)s *)PyArray_DATA(%(beta)s))) { %(fail)s }
        """ % dict(C=C, alpha=alpha, A=A, B=B, beta=beta, out=outputs[0], name=name, fail=sub['fail'],
                   real='npy_' + node.outputs[0].dtype)


@local_optimizer([Dot22, Gemm])
def parallel_dot(node):
    """Puts the parallel Ops in place of Theano's calls of BLAS, where it has settled on one."""
    dtype = node.outputs[0].dtype
    if not theano.config.cxx or dtype not in ('float32', 'float64') or any(v.dtype != dtype for v in node.inputs):
        return False
    if isinstance(node.op, Dot22):
        new = ParallelDot()(*node.inputs)
    elif isinstance(node.op, Gemm) and node.op.inplace:
        new = ParallelGemm()(*node.inputs)
    else:
        return False
    copy_stack_trace(node.outputs[0], new)
    return [new]


# After Theano has settled on its BLAS Ops (1.7) and on those that write in place (70).
optdb.register('parallel_dot', in2out(parallel_dot, name='parallel_dot'), 70.5, 'fast_run', 'inplace', 'fused')
