"""Ops of this project's own, in C, put into graphs by rewrites.

`import fused` is all it takes: from then on Theano compiles every pool_2d(conv2d(X, W), mode='max') and its gradients
to the Ops of conv_pool.py, wherever rewrite.py finds them, matrix products to those of dense.py, the gathering of
minibatches to that of gather.py, and biases to those of bias.py.
THEANO_FLAGS=optimizer_excluding=conv_pool_fusion turns the first off, optimizer_excluding=fused all; without the
import everything runs on stock Theano.
"""
from . import bias, dense, gather, rewrite
from .conv_pool import ConvPool, ConvPoolGradW, ConvPoolGradX

__all__ = ['ConvPool', 'ConvPoolGradW', 'ConvPoolGradX', 'bias', 'dense', 'gather', 'rewrite']
