"""Layers and nets of a user's own in files: resumed and loaded as what they are, or refused by name."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import theano
import theano.tensor as T
from theano.sandbox.rng_mrg import MRG_RandomStreams
from theano.tensor.shared_randomstreams import RandomStreams

import mlp_2layer
import mlp_3layer
import nnet
import training
from conftest import ROOT
from datasets.files import FileError
from helpers import small_data, small_net
from nnet import FullLayer
from run import checkpoints, saved_nets
from test_own_layer import Half

RNG = np.random.RandomState


class WithArguments(Half):
    def __init__(self, D, H):
        super().__init__(D, H)
        self.D = D

    def arguments(self):
        return dict(D=self.D, H=self.H)


class Normalised(WithArguments):
    """Less the mean of the minibatch in training; in use, less the running mean that it keeps."""

    def __init__(self, D, H):
        super().__init__(D, H)
        self.mean = theano.shared(np.zeros(H, theano.config.floatX))

    def output(self, X, training=False):
        Z = super().output(X)
        if not training:
            return Z - self.mean
        mean = Z.mean(0)
        self.mean.default_update = 0.9 * self.mean + 0.1 * mean
        return Z - mean + 0 * self.mean


class Drowned(WithArguments):
    """Noise of Theano's in training."""

    def output(self, X, training=False):
        Z = super().output(X)
        return Z * MRG_RandomStreams(1).binomial(Z.shape, p=0.7, dtype=Z.dtype) if training else Z


class Restless(WithArguments):
    """Noise whose state is no array."""

    def output(self, X, training=False):
        Z = super().output(X)
        return Z * T.cast(RandomStreams(1).uniform(Z.shape), Z.dtype) if training else Z


class Projected(WithArguments):
    """After a projection that nobody trains, another one in each layer that is made."""
    made = 0

    def __init__(self, D, H):
        super().__init__(D, H)
        Projected.made += 1
        self.projection = theano.shared(RNG(Projected.made).normal(0, 0.2, (D, D)).astype(theano.config.floatX))

    def output(self, X):
        return super().output(T.dot(X.flatten(2), self.projection))


@pytest.mark.parametrize('own', [Normalised, Drowned, Projected])
def test_what_layers_keep_beside_their_params_is_resumed_and_saved(own, tmp_path):
    def trained(path, nepoch):
        Projected.made = 0 if path == 'whole.npz' or nepoch == 2 else 10
        net = mlp_3layer.Net(own(42, 6), own(6, 5), 2, RNG(1))
        with checkpoints.Checkpoint(str(tmp_path / path), {}, data, True) as kept:
            return training.train(net, data, 0.04, 0.8, 10, nepoch, 1, RNG(0), None, kept), net

    data, X = small_data(), T.tensor4()
    whole, net = trained('whole.npz', 4)
    trained('stopped.npz', 2)
    assert trained('stopped.npz', 4)[0] == whole
    saved_nets.save_net(str(tmp_path / 'net.npz'), net, data, {})
    used = theano.function([X], net.output(X), no_default_updates=True)(data.XT)
    for path in 'net.npz', 'stopped.npz':
        again = saved_nets.load_net(str(tmp_path / path)).net
        np.testing.assert_array_equal(theano.function([X], again.output(X))(data.XT), used)


def test_params_that_are_not_trained_are_resumed_and_saved(tmp_path):
    def trained(path, nepoch, seed=1):
        net = mlp_2layer.Net(FullLayer(42, 6, 'tanh', rng=RNG(seed)), 2, RNG(1))
        net.params = net.layer2.params                       # of which alone the optimiser learns
        with checkpoints.Checkpoint(str(tmp_path / path), {}, data, True) as kept:
            return training.train(net, data, 0.04, 0.8, 10, nepoch, 1, RNG(0), None, kept), net

    data, X = small_data(), T.tensor4()
    whole, net = trained('whole.npz', 4)
    trained('stopped.npz', 2)
    assert trained('stopped.npz', 4, seed=7)[0] == whole
    saved_nets.save_net(str(tmp_path / 'net.npz'), net, data, {'a': np.int64(3)})
    for path in 'net.npz', 'stopped.npz':
        again = saved_nets.load_net(str(tmp_path / path)).net
        np.testing.assert_array_equal(theano.function([X], again.output(X))(data.XT),
                                      theano.function([X], net.output(X))(data.XT))


def test_a_checkpoint_of_other_shared_weights_is_refused(tmp_path):
    def trained(order):
        a, b = (FullLayer(6, 6, 'tanh', rng=RNG(seed)) for seed in (1, 2))
        layers = [{'a': a, 'b': b}[name] for name in order]
        net = nnet.Net(FullLayer(42, 6, 'tanh', rng=RNG(1)), *layers, nnet.softmax_layer(6, 2, RNG(1)))
        with checkpoints.Checkpoint(str(tmp_path / 'a.npz'), {}, small_data(), True) as kept:
            training.train(net, small_data(), 0.04, 0.8, 10, 1, 1, RNG(0), None, kept)

    trained('aab')
    with pytest.raises(FileError, match='is of another net: other layers share their weights'):
        trained('aba')


def test_what_no_file_can_keep_is_refused_by_name(tmp_path, nothing_compiled):
    net = mlp_2layer.Net(Restless(42, 6), 2, RNG(1))
    with checkpoints.Checkpoint(str(tmp_path / 'a.npz'), {}, small_data(), True) as kept, pytest.raises(
            FileError, match='RandomStateType.*cannot be kept: must be numbers, as those of MRG_RandomStreams are'):
        training.train(net, small_data(), 0.04, 0.8, 10, 2, 1, RNG(0), None, kept)


def test_an_optimiser_s_random_state_is_refused_by_name(tmp_path, nothing_compiled):
    def noisy(cost, params):
        stream = RandomStreams(1)
        updates = {W: W + stream.normal(W.shape) for W in params}
        return {**updates, **dict(stream.updates())}

    with checkpoints.Checkpoint(str(tmp_path / 'a.npz'), {}, small_data(), True) as kept, pytest.raises(
            FileError, match='RandomStateType.*cannot be kept: must be numbers'):
        training.train(small_net(), small_data(), 0.04, 0.8, 10, 2, 1, RNG(0), None, kept, noisy)


class Forgetful(WithArguments):
    """One whose arguments are not what it was built from."""

    def arguments(self):
        return dict(D=self.D, H=self.H + 1)


class Confused(WithArguments):
    def arguments(self):
        return dict(D=self.D, units=self.H)


def local_class():
    class Local(WithArguments):
        pass
    return Local


REFUSED = [
    (Half, 'its class has no arguments(), the keywords it is built from'),
    (local_class(), 'test_own_layer_in_files.local_class.<locals>.Local cannot be built from its arguments(): '),
    (Forgetful, 'test_own_layer_in_files.Forgetful and its arguments() would not give it back, but Half of 7, '
                'params of shapes [(42, 7)], not [(42, 6)]'),
    (Confused, 'test_own_layer_in_files.Confused cannot be built from its arguments(): '),
]


@pytest.mark.parametrize('own, line', REFUSED, ids=[own.__name__ for own, _ in REFUSED])
def test_a_layer_that_a_file_could_not_give_back_is_refused_first(own, line, tmp_path, nothing_compiled, capsys):
    net, data = mlp_2layer.Net(own(42, 6), 2, RNG(1)), small_data()
    path = str(tmp_path / 'a.npz')
    with pytest.raises(FileError) as with_save, saved_nets.kept_at_end(path, net, data, {}):
        pytest.fail('begun')
    with checkpoints.Checkpoint(path, {}, data, True) as kept, pytest.raises(FileError) as with_checkpoint:
        training.train(net, data, 0.1, 0.8, 10, 1, 1, RNG(0), None, kept)
    for error in (with_save, with_checkpoint):
        assert str(error.value).startswith('layer 1 = Half of 6: cannot be saved: ' + line)
        assert '\n' not in str(error.value) and error.value.status == 2
    assert capsys.readouterr().out == '' and os.listdir(str(tmp_path)) == []


class OtherNet(mlp_2layer.Net):
    def output(self, X, training=False):
        return super().output(-X, training)


class ForeignNet:
    layers, params = small_net().layers, small_net().params

    def output(self, X, training=False):
        return X


class PenaltyNet(mlp_2layer.Net):
    def training_cost(self, X, t):
        return super().training_cost(X, t) + 1


def test_a_net_with_another_output_is_refused_and_one_with_another_training_cost_is_not(tmp_path):
    layer, data = small_net().layer1, small_data()
    for net in (OtherNet(layer, 2, RNG(0)), ForeignNet()):
        with pytest.raises(FileError) as error:
            saved_nets.save_net(str(tmp_path / 'a.npz'), net, data, {})
        assert str(error.value) == ('net of class %s: cannot be saved: its output must be that of nnet.Net'
                                    % type(net).__name__)
    assert os.listdir(str(tmp_path)) == []
    net = PenaltyNet(layer, 2, RNG(0))
    saved_nets.save_net(str(tmp_path / 'a.npz'), net, data, {})
    assert repr(saved_nets.load_net(str(tmp_path / 'a.npz')).net) == repr(net)


MODULE = '''
from theano_setup import theano
import theano.tensor as T
from theano.tensor.signal.pool import pool_2d
from convnet import ConvLayer


class AverageLayer(ConvLayer):
    def output(self, X, training=False):
        Y = T.nnet.conv2d(X, self.W)
        Z = pool_2d(Y, self.ds, ignore_border=False, mode='average_exc_pad')
        return T.tanh(Z + self.b.dimshuffle('x', 0, 'x', 'x'))
'''
SCRIPT = '''
import json, os, sys
sys.path[:0] = [%r, os.path.join(%r, 'tests')]
import numpy as np
import training
from theano_setup import theano
import theano.tensor as T
import mlp_2layer
from average import AverageLayer
from helpers import small_data
from run import saved_nets

class Mine(AverageLayer):
    pass

X, data, rng = T.tensor4(), small_data(), np.random.RandomState(0)
if sys.argv[1] == 'save':
    net = mlp_2layer.Net(AverageLayer(6, 7, 1, 3, 3, 4, (2, 2), 'tanh', rng=rng), 2, rng)
    training.train(net, data, 0.02, 0.8, 10, 2, 2, rng)
    saved_nets.save_net('net.npz', net, data, {})
    try:
        saved_nets.describe(mlp_2layer.Net(Mine(6, 7, 1, 3, 3, 4, (2, 2), 'tanh', rng=rng), 2, rng))
    except saved_nets.CannotBeSaved as error:
        print(error)
else:
    net = saved_nets.load_net('net.npz').net
print(json.dumps([repr(net.layer1), theano.function([X], net.output(X))(data.XT).tolist()]))
'''


def test_a_subclass_of_a_conv_layer_is_saved_and_loaded_as_what_it_is(tmp_path):
    """With average pooling, from a module of the user's; in another process. One of a script's own is refused."""
    (tmp_path / 'average.py').write_text(MODULE)
    (tmp_path / 'mine.py').write_text(SCRIPT % (ROOT, ROOT))
    runs = [subprocess.run([sys.executable, 'mine.py', what], cwd=str(tmp_path), stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE,
                           universal_newlines=True) for what in ('save', 'load')]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr + runs[1].stderr
    saved, loaded = [run.stdout.rstrip().split('\n') for run in runs]
    assert saved[0].startswith('### 2-layer') and saved[1].startswith('# AverageLayer(X 6x7x1 * W 3x3x4 ')
    assert json.loads(saved[-1]) == json.loads(loaded[-1]) and saved[-1].startswith('["AverageLayer(')
    assert saved[-2].startswith('layer 1 = Mine(X 6x7x1') and saved[-2].endswith(
        'cannot be saved: __main__.Mine and its arguments() would not give it back: must be a class of a module')
    with pytest.raises(FileError, match="net.npz: no net can be made of it: No module named 'average'"):
        saved_nets.load_net(str(tmp_path / 'net.npz'))
