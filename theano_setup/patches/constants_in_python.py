"""Constants are moved about in Python rather than by C that is compiled for each.

Symptom: a first run compiles modules that are called once, with constants, while a graph is optimised.
Cause: constant folding asks an Op whether it would rather be called in Python; Ops that only move values do not say so.
Here: they do. Their values are the same either way, as nothing is computed.
Gain: 3 of the 33 modules of a first run, and 0.1 s of each start.
For: Theano 1.0.5.
"""


def after_import(theano):
    from theano.tensor.basic import Rebroadcast, ScalarFromTensor, TensorFromScalar
    from theano.tensor.elemwise import DimShuffle
    from theano.tensor.opt import MakeVector
    from theano.tensor.subtensor import Subtensor
    for Op in DimShuffle, MakeVector, Rebroadcast, ScalarFromTensor, Subtensor, TensorFromScalar:
        Op.python_constant_folding = lambda self, node: True
