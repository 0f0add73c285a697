"""Trained nets in files.

    SavedNet = saved_nets.load_net('NET.npz')        SavedNet.net.output(X), .mean, .K, .source, .settings
"""
import collections
import contextlib
import importlib
import inspect
import json
import os
import sys

from theano_setup import theano
import numpy as np
import theano.tensor as T

import mlp_2layer
import mlp_3layer
import mlp_4layer
import nnet
from datasets.files import FileError
from run import archive
from run.signals import Stopped, signals_received

FORMAT = 4                                       # of checkpoints, too: nets are the same in all
NETS = {2: mlp_2layer.Net, 3: mlp_3layer.Net, 4: mlp_4layer.Net}
SavedNet = collections.namedtuple('SavedNet', 'net mean K source settings')


class CannotBeSaved(FileError):
    """A net that a file could not give back."""
    status = 2


def layer_of(description):
    """The layer of a description, {'class': 'MODULE.NAME', 'arguments': its keywords}, with initial weights."""
    module, _, name = description['class'].rpartition('.')
    cls = getattr(importlib.import_module(module), name)
    arguments = {key: tuple(value) if isinstance(value, list) else value
                 for key, value in description['arguments'].items()}
    if 'rng' in inspect.signature(cls).parameters:
        arguments['rng'] = np.random.RandomState(0)
    return cls(**arguments)


def describe_layer(n, layer):
    """The description of the n-th layer; CannotBeSaved where it would not give the layer back."""
    cls = type(layer)
    where = 'layer %d = %s' % (n, ' '.join(repr(layer).split()))
    if not hasattr(layer, 'arguments'):
        raise CannotBeSaved('%s: cannot be saved: its class has no arguments(), the keywords it is built from' % where)
    description = {'class': '%s.%s' % (cls.__module__, cls.__qualname__), 'arguments': layer.arguments()}
    try:
        again = layer_of(json.loads(json.dumps(description)))
        found = type(again) is cls and repr(again) == repr(layer) and shapes(again) == shapes(layer)
    except Exception as error:                          # whatever a class of one's own raises
        raise CannotBeSaved('%s: cannot be saved: %s cannot be built from its arguments(): %s' % (
            where, description['class'], error)) from None
    if cls.__module__ == '__main__' or not found:
        why = ': must be a class of a module' if cls.__module__ == '__main__' or type(again) is not cls else \
            ', but %s, params of shapes %s, not %s' % (' '.join(repr(again).split()), shapes(again), shapes(layer))
        raise CannotBeSaved('%s: cannot be saved: %s and its arguments() would not give it back%s' % (
            where, description['class'], why))
    return description


def shapes(layer):
    return [W.get_value(borrow=True).shape for W in layer.params]


def describe(net):
    """What a net is built from, for JSON. Raises CannotBeSaved, naming the layer, where it could not be built again.

    params_at: the array of each layer's params in turn, W0, ... of net.params, B0, ... of beside_params(net);
    others_at: of those that are no layer's params. A layer that is there twice is told by the number of the first.
    """
    if getattr(type(net).output, '__qualname__', '') != 'Net.output' or type(net).output.__module__ != 'nnet':
        raise CannotBeSaved('net of class %s: cannot be saved: its output must be that of nnet.Net'
                            % type(net).__name__)
    layers = [describe_layer(n, layer) for n, layer in enumerate(net.layers, 1)]
    for description, layer in zip(layers, net.layers):
        description['same'] = [other is layer for other in net.layers].index(True)
    params, beside = params_of_layers(net), beside_params(net)
    places = {v: '%s%d' % (letter, n) for letter, variables in (('B', beside), ('W', net.params))
              for n, v in enumerate(variables)}
    others = [v for v in beside if v not in params]
    about = {'net': '%s.%s' % (type(net).__module__, type(net).__qualname__), 'layers': layers,
             'params_at': [places.get(W) for W in params], 'others_at': [places[v] for v in others]}
    try:
        again = [v.type for v in beside_params(build(dict(about, format=FORMAT)))]
    except Exception as error:                          # whatever a class of one's own raises
        raise CannotBeSaved('net: cannot be saved: built again, its layers raise %s' % error) from None
    if [v.type for v in others] != again or None in about['params_at'] or not all(
            isinstance(v.get_value(borrow=True), np.ndarray) for v in beside):
        raise CannotBeSaved('net: cannot be saved: its layers, built again, would not read the same shared variables: '
                            '%.200s' % ', '.join(map(str, others)))
    return about


def params_of_layers(net):
    """Those of each layer in turn: some stand there twice where layers share one."""
    return [W for layer in net.layers for W in layer.params]


def beside_params(net):
    """Shared variables that the output of a net reads beside net.params: a layer's own running means, for instance."""
    read = theano.gof.graph.inputs([net.output(T.tensor4('X'))])
    return [v for v in read if isinstance(v, theano.compile.SharedVariable) and v not in net.params]


def named(letter, variables):
    """The values of shared variables as arrays for a file: {letter0, letter1, ...}."""
    return {'%s%d' % (letter, n): variable.get_value(borrow=True) for n, variable in enumerate(variables)}


def build(about):
    """The net of a description, or of format 1, which knew two kinds of layers."""
    descriptions = about['layers']
    if about['format'] == 1:
        descriptions = [{'class': 'convnet.ConvLayer' if 'Wnch' in words else 'nnet.FullLayer', 'arguments': words}
                        for words in descriptions]
    layers = []
    for n, description in enumerate(descriptions):
        same = description.get('same', n)
        layers.append(layers[same] if same < n else layer_of(description))
    if type(layers[-1]) is nnet.FullLayer and layers[-1].afunc == 'softmax' and layers[-1].withBias:
        return net_of(layers[:-1], layers[-1].H, np.random.RandomState(0))
    return nnet.Net(*layers)


def net_of(hidden, K, rng):
    """The net of hidden layers and a softmax layer of K classes, whose weights rng draws."""
    if len(hidden) + 1 in NETS:
        return NETS[len(hidden) + 1](*hidden, K, rng)
    return nnet.Net(*hidden, nnet.softmax_layer(hidden[-1].H, K, rng))


@contextlib.contextmanager
def kept_at_end(path, net, data, settings):
    """Saves the net where the block ends, or is stopped by a signal: then as far as it is trained.

    A signal while it is saved is heard once it is. Raises FileError before the block where the net could not be saved,
    or the file is there and is not a saved net.
    """
    describe(net)
    archive.as_read(path, settings)
    if os.path.exists(path):
        archive.read(path, ('saved net',), FORMAT)
    try:
        yield
    except Stopped:
        with signals_received():
            save_net(path, net, data, settings)
            print('# %s: has the net as far as it is trained' % path, file=sys.stderr)
        raise
    with signals_received() as signals:
        save_net(path, net, data, settings)
        signals.check('after the net was saved')


def save_net(path, net, data, settings):
    """Keeps a trained net with all it takes to use it: layers, parameters, what images. Raises FileError."""
    about = dict(describe(net), Xshape=data.XL.shape[1:], K=data.K, source=data.source,
                 settings=archive.as_read(path, settings))
    arrays = dict(named('W', net.params), **named('B', beside_params(net)))
    archive.write(path, 'saved net', FORMAT, about, arrays)


def load_net(path):
    """The SavedNet of a file that save_net wrote, or of a checkpoint.

    net: of the class of mlp_2layer, mlp_3layer or mlp_4layer, or nnet.Net; mean: (Xnch, Xrow, Xcol), to be subtracted
    from pixels / 255, zeros but in files of versions that did so in training; K: number of classes; source: of the data
    it was trained on; settings: its hyperparameters.
    The modules of its layers are imported. Raises FileError.
    """
    about, arrays = archive.read(path, ('saved net', 'checkpoint'), FORMAT)
    try:
        net = build(about)
        means = about.get('means', 0)                   # of a checkpoint, its last variables
        params, others = params_of_layers(net), about.get('others_at', [])
        places = about.get('params_at', ['W%d' % n for n in range(len(params))]) + others
        for name, variable in zip(places, params + (beside_params(net) if others else [])):
            if means and name.startswith('W'):
                name = 'v%d' % (about['variables'] - about['params'] - means + int(name[1:]))
            if arrays[name].shape != variable.get_value(borrow=True).shape:
                raise ValueError('%s of shape %s' % (name, arrays[name].shape))
            variable.set_value(arrays[name].astype(variable.dtype))
        mean = arrays['mean'] if about['format'] < 4 else np.zeros(about['Xshape'], 'float32')
        return SavedNet(net, mean, about['K'], about['source'], about['settings'])
    except (ValueError, KeyError, TypeError, ImportError, AttributeError) as error:
        raise FileError('%s: no net can be made of it: %s' % (path, error))
