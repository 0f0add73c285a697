"""Convolution and max-pooling as one C Op, put into graphs by a rewrite.

`import fused` is all it takes: from then on Theano compiles every
pool_2d(conv2d(X, W), mode='max') and its gradients to the Ops of conv_pool.py,
wherever rewrite.py finds them. THEANO_FLAGS=optimizer_excluding=conv_pool_fusion
turns it off, optimizer_excluding=fused the parallel matrix products of dense.py and
the parallel gathering of minibatches of gather.py, too; without the import everything
runs on stock Theano.
"""
from . import dense, gather, rewrite  # noqa: F401  (register themselves)
from .conv_pool import ConvPool, ConvPoolGradW, ConvPoolGradX  # noqa: F401
