"""With the rewrite and without it; which Ops a compiled function, or a graph after the rewrites, has."""
import theano

from fused import ConvPool, ConvPoolGradW, ConvPoolGradX

FUSED = theano.compile.get_mode('FAST_RUN').including('conv_pool_fusion')
STOCK = FUSED.excluding('conv_pool_fusion')
FUSED_OPS = (ConvPool, ConvPoolGradW, ConvPoolGradX)


def ops(f):
    return [node.op for node in f.maker.fgraph.toposort()]


def is_fused(f):
    return any(isinstance(op, FUSED_OPS) for op in ops(f))


def becomes_fused(inputs, outputs, mode=FUSED):
    """Whether the rewrite finds something in this graph; nothing is compiled."""
    graph = theano.gof.FunctionGraph(inputs, outputs)
    mode.optimizer.optimize(graph)
    return any(isinstance(node.op, FUSED_OPS) for node in graph.toposort())


def whole(rng, shape, dtype, limit=3):
    """Small whole numbers: sums are exact whatever their order, and maxima tie all the time."""
    return rng.randint(-limit, limit + 1, shape).astype(dtype)
