"""What training.train takes, and what it refuses: one line, before anything is compiled."""
import numpy as np
import pytest
import theano

import mlp_2layer
import mlp_3layer
import training
from convnet import ConvLayer
from helpers import small_data, small_net
from nnet import FullLayer

RNG = np.random.RandomState


def changed(**arrays):
    return small_data()._replace(**arrays)


def spoilt(name, value, n=7):
    array = getattr(small_data(), name).copy()
    array[(n,) if array.ndim == 1 else (n, 0, 3, 3)] = value
    return changed(**{name: array})


def test_other_kinds_of_numbers_are_taken():
    """int64 labels, float64 or uint8 images: the same log as of int32 and float32."""
    data = changed(**{name: (10 * getattr(small_data(), name)).clip(0, 255).round() for name in ('XL', 'XV', 'XT')})
    logs = [training.train(small_net(), data._replace(
        **{name: getattr(data, name).astype(images) for name in ('XL', 'XV', 'XT')},
        **{name: getattr(data, name).astype(labels) for name in ('tL', 'tV', 'tT')}), 0.01, 0.5, 50, 1, 1, RNG(0))
        for images, labels in (('float32', 'int32'), ('float64', 'int64'), ('uint8', 'uint8'))]
    assert logs[0] == logs[1] == logs[2]


def test_no_examples_to_validate_may_be_none_at_all():
    logs = [training.train(small_net(), changed(XV=None, tV=tV), 0.01, 0.5, 50, 1, 1, RNG(0))
            for tV in (None, np.zeros(0, 'int32'))]
    assert logs[0] == logs[1] and logs[0][3].endswith(' nan')


D = small_data()
CONV = ConvLayer(6, 8, 1, 3, 3, 2, (2, 2), 'tanh', rng=RNG(0))
WRONG = [
    (dict(data=changed(tL=D.tL + 1)), 'tL[%d] = 2: must be 0 to 1' % np.argmax(D.tL)),
    (dict(data=spoilt('tV', -1)), 'tV[7] = -1: must be 0 to 1'),
    (dict(data=spoilt('tT', 2, 9)), 'tT[9] = 2: must be 0 to 1'),
    (dict(data=changed(tL=D.tL[:100])), 'XL has 110 examples, tL 100 labels: must be as many, and at least one'),
    (dict(data=changed(XV=D.XV[:0], tV=D.tV[:0])), 'XV has 0 examples, tV 0 labels: must be as many, and at least one'),
    (dict(data=changed(XT=D.XT[:0], tT=D.tT[:0])), 'XT has 0 examples, tT 0 labels: must be as many, and at least one'),
    (dict(data=spoilt('XL', np.nan)), 'XL[7] has a pixel that is nan: must be finite in float32'),
    (dict(data=spoilt('XV', np.inf, 3)), 'XV[3] has a pixel that is inf: must be finite in float32'),
    (dict(data=spoilt('XT', -np.inf, 0)), 'XT[0] has a pixel that is -inf: must be finite in float32'),
    (dict(data=changed(XL=np.full((110, 1, 6, 7), 1e300))),
     'XL[0] has a pixel that is 1e+300: must be finite in float32'),
    (dict(data=changed(tL=D.tL.astype('float32'))), 'tL = float32 (110,): must be an array of whole numbers (N,)'),
    (dict(data=changed(tV=D.tV[:, None])), 'tV = int32 (20, 1): must be an array of whole numbers (N,)'),
    (dict(data=changed(XL=D.XL.reshape(110, 42))),
     'XL = float32 (110, 42): must be an array of numbers (N, channels, rows, columns)'),
    (dict(data=changed(XT=D.XT.astype('complex64'))), 'XT = complex64 (20, 1, 6, 7): must be an array of numbers'),
    (dict(data=changed(tT=[0, 1])), 'tT = [0, 1]: must be an array of whole numbers (N,)'),
    (dict(net=mlp_2layer.Net(CONV, 2, RNG(0))),
     'XL of shape (110, 1, 6, 7): layer 1 takes examples of shape (1, 6, 8)'),
    (dict(data=changed(XV=D.XV.transpose(0, 2, 3, 1))),
     'XV of shape (20, 6, 7, 1): must have examples as XL of shape (110, 1, 6, 7) has'),
    (dict(net=mlp_2layer.Net(FullLayer(41, 2, 'tanh', rng=RNG(0)), 2, RNG(0))),
     'XL of shape (110, 1, 6, 7): layer 1 takes examples of shape (41,)'),
    (dict(data=changed(K=3)), 'K = 3: the net gives 2 classes'),
    (dict(batchsize=0), 'batchsize = 0: must be a whole number from 1 to 110, the number of training examples'),
    (dict(batchsize=111), 'batchsize = 111: must be a whole number from 1 to 110, the number of training examples'),
    (dict(batchsize=10.0), 'batchsize = 10.0: must be a whole number'),
    (dict(nepoch=-1), 'nepoch = -1: must be a whole number from 0 to 1000000000'),
    (dict(nepoch=True), 'nepoch = True: must be a whole number from 0'),
    (dict(interval=0), 'interval = 0: must be a whole number from 1 to 1000000000'),
    (dict(eta=np.nan), 'eta = nan: must be a finite number of at least 0 and at most 1e30'),
    (dict(eta='0.1'), "eta = '0.1': must be a finite number of at least 0"),
    (dict(eta=lambda epoch: -1.0), 'eta(1) = -1.0: must be a finite number of at least 0'),
    (dict(eta=lambda epoch: [0.1, None][epoch - 1], nepoch=2), 'eta(2) = None: must be a finite number'),
    (dict(mu=1), 'mu = 1: must be a number of at least 0 and below 1'),
    (dict(mu=lambda epoch: 0.5 * epoch, nepoch=2), 'mu(2) = 1.0: must be a number of at least 0 and below 1'),
    (dict(mu=(0.5, 0.9)), 'mu = (0.5, 0.9): must be (first, last, epochs)'),
    (dict(mu=(0.5, 0.9, 0)), 'mu = (0.5, 0.9, 0): must be (first, last, epochs), epochs above 0'),
    (dict(mu=(0.5, 2, 1)), 'mu = 2: must be a number of at least 0 and below 1'),
    (dict(seed='a'), "seed = 'a': must be a whole number of at least 0"),
    (dict(log='a'), "log = 'a': must be a list, or None"),
    (dict(checkpoint='a'), "checkpoint = 'a': must be a run.checkpoints.Checkpoint, or None"),
    (dict(after_epoch='print'), "after_epoch = 'print': must be a function of (epoch, net, log), or None"),
    (dict(optimiser='adam'), "optimiser = 'adam': must be a function of (cost, params), or None"),
    (dict(optimiser=lambda cost, params: [], decay=0.5), 'decay = 0.5: is for momentum SGD, not for an optimiser of '),
    (dict(optimiser=lambda cost, params: None), 'optimiser gives None: must be a dictionary {shared variable: '),
    (dict(optimiser=lambda cost, params: {}), 'optimiser gives {}: must be a dictionary {shared variable: '),
    (dict(optimiser=lambda cost, params: {'W': 1}), "optimiser gives {'W': 1}: must be a dictionary"),
    (dict(optimiser=lambda cost, params: {params[1]: params[1] * np.float64(2)}),
     'optimiser: the next value of b is TensorType(float64, vector): must be TensorType(float32, vector)'),
    (dict(optimiser=lambda cost, params: {params[1]: None}), 'optimiser: the next value of b is None: must be '),
    (dict(rng=np.random.default_rng(0)), 'rng = Generator(PCG64)'),
    (dict(rng=None), 'rng = None: must be a numpy RandomState'),
    (dict(net=None), 'net: a NoneType without params: must be a net, such as nnet.Net'),
    (dict(data=D.XL), 'data: a ndarray without XL: must be a mnist.Data'),
]


@pytest.mark.parametrize('wrong, line', WRONG, ids=[line[:40] for _, line in WRONG])
def test_what_cannot_be_trained_is_one_line_before_anything_is_compiled(wrong, line, nothing_compiled, capsys):
    right = dict(net=small_net(), data=small_data(), eta=0.1, mu=0.5, batchsize=50, nepoch=1, interval=1, rng=RNG(0))
    with pytest.raises(ValueError) as error:
        training.train(**{**right, **wrong})
    assert str(error.value).startswith(line) and '\n' not in str(error.value) and error.value.status == 2
    assert capsys.readouterr().out == ''


@pytest.mark.parametrize('sizes, line', [
    ([(41, 2), (2, 2)], 'layer 1: <Mute> does not take values of shape (1, 6, 7): '),
    ([(42, 3), (4, 2)], 'layer 2: <Mute> does not take values of shape (3,): ')])
def test_a_layer_that_does_not_say_what_it_takes_is_named(sizes, line, capsys):
    class Mute:
        def __init__(self, D, H):
            layer = FullLayer(D, H, 'tanh', rng=rng)
            self.params, self.H, self.layer = layer.params, layer.H, layer

        def output(self, X, training):                               # which it is always told
            return self.layer.output(X)

        def __repr__(self):
            return '<Mute>'

    rng = RNG(0)
    with pytest.raises(ValueError) as error:
        net = mlp_3layer.Net(*[Mute(*size) for size in sizes], 2, rng)
        training.train(net, small_data(), 0.1, 0.5, 50, 1, 1, rng)
    assert str(error.value).startswith(line)
    assert '\n' not in str(error.value)
    assert capsys.readouterr().out == ''


class Own:
    """A layer of a user's own, of which something is not as a net wants it."""

    def __init__(self, **wrong):
        self.layer = FullLayer(42, 3, 'tanh', rng=RNG(0))
        self.params, self.H, self.wrong = self.layer.params, 3, wrong
        self.__dict__.update(wrong)

    def output(self, X):
        return self.wrong['gives'](self.layer.output(X)) if 'gives' in self.wrong else self.layer.output(X)

    def __repr__(self):
        return 'Own(H %d)' % self.H


@pytest.mark.parametrize('wrong, line', [
    (dict(gives=lambda Z: None), 'layer 1 = Own(H 3): output gives None: must be a symbolic tensor (N, ...)'),
    (dict(gives=lambda Z: (Z, Z)), 'layer 1 = Own(H 3): output gives (Elemwise{tanh,no_inplace}.0, '),
    (dict(gives=lambda Z: Z.mean()), 'layer 1 = Own(H 3): output gives mean: must be a symbolic tensor (N, ...)'),
    (dict(gives=lambda Z: Z.astype('float64')), 'layer 1 = Own(H 3): output is of dtype float64: must be float32'),
    (dict(params=None), 'layer1 = Own(H 3): params = None: must be a list of shared variables'),
    (dict(params=[np.zeros(3)]), 'layer1 = Own(H 3): params = [array([0., 0., 0.])]: must be a list of shared'),
    (dict(params=[theano.shared(np.zeros(3, 'float32'), 'c')]),
     'layer 1 = Own(H 3): c of params has no part in the cost'),
])
def test_what_is_wrong_with_a_layer_is_one_line(wrong, line, nothing_compiled):
    with pytest.raises(ValueError) as error:
        training.train(mlp_2layer.Net(Own(**wrong), 2, RNG(0)), small_data(), 0.1, 0.8, 10, 1, 1, RNG(0))
    assert str(error.value).startswith(line) and '\n' not in str(error.value)


def test_a_layer_without_H_is_named_by_its_class():
    layer = Own()
    del layer.H
    with pytest.raises(ValueError, match='^layer1 = Own without H: must be a layer, such as a '):
        mlp_2layer.Net(layer, 2, RNG(0))


@pytest.mark.parametrize('gives, told', [(lambda Z: None, 'None'), (lambda Z: Z, 'Elemwise{tanh,no_inplace}.0')])
def test_a_training_cost_is_one_number(gives, told, nothing_compiled):
    net = small_net()
    net.training_cost = lambda X, t: gives(net.layers[0].output(X))
    with pytest.raises(training.ArgumentError) as error:
        training.train(net, small_data(), 0.1, 0.8, 10, 1, 1, RNG(0))
    assert str(error.value) == 'training_cost gives %s: must be one symbolic number, such as a mean' % told


def test_a_cost_that_is_not_finite_before_the_first_step_is_not_for_eta_to_mend():
    net = mlp_2layer.Net(Own(gives=lambda Z: Z + np.float32('nan')), 2, RNG(0))
    with pytest.raises(training.NotFinite, match='nan before the first step: lower the initial spread Wsigma$'):
        training.train(net, small_data(), 0.1, 0.8, 10, 1, 1, RNG(0))


def test_no_layer_is_blamed_where_all_take_what_they_are_given():
    class Own(mlp_2layer.Net):
        def output(self, X, training=False):
            return super().output(X[:, :, 1:])

    rng = RNG(0)
    with pytest.raises(ValueError, match=r'^XL of shape \(110, 1, 6, 7\): the net does not take it: '):
        training.train(Own(FullLayer(42, 2, 'tanh', rng=rng), 2, rng), small_data(), 0.1, 0.5, 50, 1, 1, rng)


@pytest.mark.parametrize('options, line', [
    (dict(decay=-1), 'decay = -1: must be'), (dict(decay='a'), "decay = 'a': "),
    (dict(maxnorm=-1.), 'maxnorm = -1.0: '),
    (dict(average=2), 'average = 2: must be'), (dict(warmup=-1), 'warmup = -1: '),
    (dict(schedule='x'), "schedule = 'x': "), (dict(refine=-1), 'refine = -1: must be'),
    (dict(schedule=['linear']), r"schedule = \['linear'\]: must be one of constant, linear, cosine"),
    (dict(distort=1), r'distort = 1: must be \(shift, rotate, zoom, elastic\)'),
    (dict(distort=(0.5, 0, 0, 0)), 'distort: shift = 0.5: must be a whole number'),
    (dict(distort=(0, 181, 0, 0)), 'distort: rotate = 181: must be a number from 0 to 180'),
    (dict(distort=(0, 0, -1, 0)), 'distort: zoom = -1: '), (dict(distort=(0, 0, 1, 0)), 'distort: zoom = 1: '),
])
def test_an_option_that_cannot_be_is_one_line(options, line, nothing_compiled):
    with pytest.raises(training.ArgumentError, match=line):
        training.train(small_net(), small_data(), 0.1, 0.8, 10, 1, 1, RNG(0), **options)


def test_a_parameter_of_another_dtype_is_named(nothing_compiled):
    net = small_net()
    net.layers[0].params = [net.layers[0].W, theano.shared(np.zeros(5), 'b')]
    with pytest.raises(training.ArgumentError, match='layer 1: b of params is float64: must be a shared variable of '):
        training.train(net, small_data(), 0.1, 0.8, 10, 1, 1, RNG(0))
