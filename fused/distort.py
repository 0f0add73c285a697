"""Data augmentation: minibatches whose images are distorted at random while they are gathered, on all cores."""
from theano_setup import theano
import theano.tensor as T

from .kernel_op import KernelOp


class Distort(KernelOp):
    """X (N, nch, row, col), index (n,), key (int64), most (4,) -> (n, nch, row, col).

    Image index[i] of X is turned about its middle, zoomed, shifted and pushed about, each as far as most says:
    whole pixels of shift, degrees, share of zoom, pixels of elastic displacement (root mean square); beyond its border
    are zeros, between pixels it is linear. What is done follows from key and i alone.
    Elastic: a field of cubic B-splines, knots 7 pixels apart, after Simard, Steinkraus and Platt (ICDAR 2003).
    """
    __props__ = ()
    c_file = 'distort.h'

    def make_node(self, X, index, key, most):
        X = T.as_tensor_variable(X)
        inputs = [X, index, T.cast(key, 'int64'), T.cast(most, 'float64')]
        if [v.ndim for v in inputs] != [4, 1, 0, 1]:
            raise TypeError('Distort: X, index, key, most of %s dimensions: must have 4, 1, 0, 1' % (
                ', '.join(str(v.ndim) for v in inputs)))
        return theano.Apply(self, inputs, [T.TensorType(X.dtype, (False,) * 4)()])

    def infer_shape(self, node, shapes):
        return [shapes[1] + shapes[0][1:]]

    def grad(self, inputs, gradients):
        return [theano.gradient.grad_undefined(self, n, v) for n, v in enumerate(inputs)]
