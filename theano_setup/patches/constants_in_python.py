"""Constants are moved about in Python rather than by C that is compiled for each.

Symptom: a first run compiles modules that are called once, with constants, while a graph is optimised.
Cause: constant folding asks an Op whether it would rather be called in Python; Ops that only move values do not say so.
Here: they do. Their values are the same either way, as nothing is computed.
Gain: of a net with all of the regularisation, 3.7 s of its first run (25.3 s with it, 29.0 s without) and 0.3 s of each
start (1.65 s, 1.96 s); of the article's first net, 0.1 s of each start.
For: Theano 1.0.5.
"""


def after_import(theano):
    from theano.tensor.basic import Rebroadcast, ScalarFromTensor, TensorFromScalar
    from theano.tensor.elemwise import DimShuffle
    from theano.tensor.opt import MakeVector
    from theano.tensor.subtensor import Subtensor
    for Op in DimShuffle, MakeVector, Rebroadcast, ScalarFromTensor, Subtensor, TensorFromScalar:
        Op.python_constant_folding = lambda self, node: True
