"""A random number from Theano's RandomStreams without default updates, which is the same at every call.

Missing: copy.copy(RandomState) shares the state of the generator with the original, since NumPy 1.24.
Here: Theano's random Ops copy it whole.
"""
import copy


def after_import(theano):
    from theano.tensor import raw_random
    raw_random.copy = copy.deepcopy
