"""The training loop against NumPy, its log, its doors for one's own ideas, what it refuses, how it stops."""
import os
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import theano
import theano.tensor as T

import mlp_2layer
import naive
import nnet
import training
from conftest import ROOT
from convnet import ConvLayer
from helpers import small_data, small_net
from nnet import FullLayer, random_stream
from run.signals import Signals

RNG = np.random.RandomState


def numpy_params(net):
    return [W.get_value().astype('float64') for W in net.params]


def assert_equal(net, params):
    for found, expected in zip(net.params, params):
        np.testing.assert_allclose(found.get_value(), expected, rtol=1e-3, atol=1e-5)


@pytest.fixture
def nothing_compiled(monkeypatch):
    """The test fails where anything is compiled."""
    monkeypatch.setattr(theano, 'function', lambda *_, **__: pytest.fail('compiled'))


@pytest.fixture
def steps(monkeypatch):
    """Stands in for what is compiled: the minibatches that an update was asked for; a cost that is not finite for the
    examples in steps.bad."""
    class Steps(list):
        bad = ()

        def update(self, minibatch):
            self.append(minibatch)
            return np.nan if set(self.bad) & set(minibatch) else 0.5

    found = Steps()
    monkeypatch.setattr(training, 'compile_functions',
                        lambda *_: training.Functions(found.update, lambda X, t: (0.25, 0.5)))
    return found


# ---- the loop

def test_parameters_after_two_epochs_equal_a_loop_in_numpy(capsys):
    """Shuffled minibatches, a partial last one, momentum: the whole of training against a loop in NumPy."""
    data, net = small_data(), small_net(3)
    params = numpy_params(net)
    log = training.train(net, data, 0.1, 0.8, 20, 2, 1, RNG(5))
    X = data.XL.reshape(110, 42).astype('float64')
    naive.train(params, X, data.tL, lambda epoch: 0.1, 0.8, 20, 2, RNG(5))
    assert_equal(net, params)
    epoch, cost, error, _ = log[-3].split()
    W1, b1, W2, b2 = params
    p = naive.softmax(np.tanh(X.dot(W1) + b1).dot(W2) + b2)
    assert float(cost) == pytest.approx(naive.cost(p, data.tL), rel=1e-4)
    assert float(error) == pytest.approx(100 * (p.argmax(1) != data.tL).mean())
    assert capsys.readouterr().out.split('\n')[:-1] == log


def test_eta_may_be_a_function_of_the_epoch():
    data, net, asked = small_data(), small_net(3), []

    def eta(epoch):
        asked.append(epoch)
        return 0.1 / epoch

    params = numpy_params(net)
    training.train(net, data, eta, 0.8, 20, 3, 1, RNG(5))
    naive.train(params, data.XL.reshape(110, 42).astype('float64'), data.tL, lambda epoch: 0.1 / epoch, 0.8, 20, 3,
                RNG(5))
    assert_equal(net, params)
    assert asked == [1, 1, 2, 3]                                     # once before anything is compiled


class DecayNet(mlp_2layer.Net):
    def training_cost(self, X, t):
        return super().training_cost(X, t) + 0.3 / 2 * (self.layer1.W**2).sum()


def test_training_lowers_training_cost_and_the_log_has_the_plain_one():
    data, rng = small_data(), RNG(3)
    net = DecayNet(FullLayer(42, 5, 'tanh', rng=rng), 2, rng)
    params = numpy_params(net)
    log = training.train(net, data, 0.1, 0.8, 20, 2, 1, RNG(5))
    X = data.XL.reshape(110, 42).astype('float64')
    naive.train(params, X, data.tL, lambda epoch: 0.1, 0.8, 20, 2, RNG(5), decay=0.3)
    assert_equal(net, params)
    W1, b1, W2, b2 = params
    p = naive.softmax(np.tanh(X.dot(W1) + b1).dot(W2) + b2)
    assert float(log[-3].split()[1]) == pytest.approx(naive.cost(p, data.tL), rel=1e-4)


def test_an_optimiser_of_ones_own_changes_the_parameters():
    def gradient_descent(cost, params):
        return {W: W - 0.1 * g for W, g in zip(params, T.grad(cost, params))}

    data, net = small_data(), small_net(3)
    params = numpy_params(net)
    training.train(net, data, 9.0, 0.8, 20, 2, 1, RNG(5), optimiser=gradient_descent)
    naive.train(params, data.XL.reshape(110, 42).astype('float64'), data.tL, lambda epoch: 0.1, 0, 20, 2, RNG(5))
    assert_equal(net, params)


def test_after_epoch_is_called_with_epoch_net_and_log(steps):
    net, seen, mine = small_net(), [], []
    training.train(net, small_data(), 0.1, 0.5, 50, 3, 2, RNG(0), mine,
                   after_epoch=lambda epoch, of, log: seen.append((epoch, of, log is mine, len(steps),
                                                                   log[-1].split()[0])))
    assert seen == [(1, net, True, 3, '0'), (2, net, True, 6, '2'), (3, net, True, 9, '3')]


def test_lines_of_after_epoch_in_the_log_leave_the_last_line_right(steps):
    log = training.train(small_net(), small_data(), 0.1, 0.5, 50, 2, 1, RNG(0),
                         after_epoch=lambda epoch, net, log: log.append('# mine'))
    assert log[-3:] == ['# mine', '# NT = 20', '2 0.25 50.0 50.0 50.0']


def test_every_example_is_used_once_an_epoch(steps):
    training.train(small_net(), small_data(), 0.1, 0.5, 25, 3, 10, RNG(0))
    assert [len(minibatch) for minibatch in steps] == 3 * [25, 25, 25, 25, 10]
    orders = [list(np.concatenate(steps[first:first + 5])) for first in (0, 5, 10)]
    assert all(sorted(order) == list(range(110)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_two_nets_see_one_order_and_two_seeds_do_not(steps):
    orders = []
    for Wnch, seed in ((16, 0), (64, 0), (16, 1)):
        rng = random_stream(seed, 'weights')
        net = mlp_2layer.Net(ConvLayer(6, 7, 1, 3, 3, Wnch, (2, 2), 'linear', rng=rng), 2, rng)
        training.train(net, small_data(), 0.1, 0.5, 25, 2, 1, random_stream(seed, 'order'))
        orders.append(np.concatenate(steps).tolist())
        del steps[:]
    assert orders[0] == orders[1] != orders[2]


def test_evaluation_in_large_batches_equals_one_batch(monkeypatch):
    data, sizes = small_data(), []

    def evaluate(X, t):
        sizes.append(len(X))
        return X.mean(dtype='float64'), (t > 0).mean()

    whole = training.mean_over(evaluate, data.XL, data.tL, Signals())
    monkeypatch.setattr(training, 'LARGE', 30)
    parts = training.mean_over(evaluate, data.XL, data.tL, Signals())
    assert parts == (pytest.approx(whole[0], rel=1e-12), whole[1]) and sizes == [110, 30, 30, 30, 20]


@pytest.mark.parametrize('depth', [1, 5])
def test_nets_of_any_depth_learn(depth):
    rng, layers = RNG(0), [ConvLayer(6, 7, 1, 3, 3, 4, (2, 2), 'ReLu', rng=RNG(0)),
                           FullLayer(24, 12, 'ReLu', Wsigma=0.3, rng=RNG(0)),
                           FullLayer(12, 9, 'ReLu', Wsigma=0.4, rng=RNG(1)),
                           FullLayer(9, 8, 'tanh', Wsigma=0.4, rng=RNG(2))]
    layers = layers[:depth - 1] + [FullLayer(8 if depth == 5 else 42, 2, 'softmax', rng=rng)]
    log = training.train(nnet.Net(*layers), small_data(), 0.02, 0.8, 10, 20, 20, RNG(0))
    assert log[0] == '### %d-layer net' % depth and len(log) == depth + 6
    assert float(log[-1].split()[-1]) < 10 < 30 < float(log[depth + 2].split()[-1])


# ---- the log

FLOAT = r'\d+\.\d+(e-\d+)?'


def test_form_and_order_of_the_log():
    log = training.train(small_net(), small_data(), 0.1, 0.5, 50, 5, 2, RNG(0))
    assert log[:3] == ['### 2-layer MLP', '# D: 42 H: 5', '### training: NL = 110 NV = 20 K = 2 batchsize = 50']
    assert [line.split()[0] for line in log[3:]] == ['0', '2', '4', '5', '#', '5']
    assert log[-2] == '# NT = 20'
    assert all(re.fullmatch(r'\d+( %s){3}' % FLOAT, line) for line in log[3:-2])
    assert re.fullmatch(r'5( %s){4}' % FLOAT, log[-1])
    assert log[-1].split()[2:4] == log[-3].split()[2:4]


def test_no_epoch_prints_the_initial_error_and_the_test_error(steps):
    log = training.train(small_net(), small_data(), 0.1, 0.5, 50, 0, 10, RNG(0))
    assert log[3:] == ['0 0.25 50.0 50.0', '# NT = 20', '0 0.25 50.0 50.0 50.0'] and not steps


@pytest.mark.parametrize('value, text', [      # left: the article's figures, as Python 2 printed them
    (2.30414773606, '2.30414773606'), (90.966, '90.966'), (100 * 9 / 50000, '0.018'), (0.0, '0.0'), (2.0, '2.0'),
    (0.000150985761616, '0.000150985761616'), (1 / 3, '0.333333333333'), (0.00001, '1e-05'), (100.0, '100.0'),
    (-3.0, '-3.0'), (1e20, '1e+20'), (float('inf'), 'inf'), (50, '50'), ('text', 'text'),
    (np.float64(0.25), '0.25'),
])
def test_floats_are_printed_as_python_2_did(value, text):
    assert training.python2_str(value) == text


# ---- what is taken, and what is refused

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
    (dict(mu=1), 'mu = 1: must be a number of at least 0 and below 1'),
    (dict(rng=np.random.default_rng(0)), 'rng = Generator(PCG64)'),
    (dict(rng=None), 'rng = None: must be a numpy RandomState'),
]


@pytest.mark.parametrize('wrong, line', WRONG, ids=[line[:40] for _, line in WRONG])
def test_what_cannot_be_trained_is_one_line_before_anything_is_compiled(wrong, line, nothing_compiled, capsys):
    right = dict(net=small_net(), data=small_data(), eta=0.1, mu=0.5, batchsize=50, nepoch=1, interval=1, rng=RNG(0))
    with pytest.raises(ValueError) as error:
        training.train(**{**right, **wrong})
    assert str(error.value).startswith(line) and '\n' not in str(error.value) and error.value.status == 2
    assert capsys.readouterr().out == ''


def test_a_layer_that_does_not_say_what_it_takes_is_one_line_too(capsys):
    class Mute:
        def __init__(self, layer):
            self.params, self.H, self.output = layer.params, layer.H, layer.output

    rng = RNG(0)
    with pytest.raises(ValueError) as error:
        net = mlp_2layer.Net(Mute(FullLayer(41, 2, 'tanh', rng=rng)), 2, rng)
        training.train(net, small_data(), 0.1, 0.5, 50, 1, 1, rng)
    assert str(error.value).startswith('XL of shape (110, 1, 6, 7): the net does not take it: ')
    assert '\n' not in str(error.value)
    assert capsys.readouterr().out == ''


# ---- how it stops

def test_a_cost_that_is_not_finite_stops_within_its_minibatch(steps):
    steps.bad = [RNG(7).permutation(110)[45]]                       # in the third minibatch of 20
    with pytest.raises(training.NotFinite) as error:
        training.train(small_net(), small_data(), 0.1, 0.5, 20, 1, 1, RNG(7))
    assert str(error.value) == 'the cost is nan in epoch 1, minibatch 3 of 6: lower eta or the initial spread Wsigma'
    assert len(steps) == 3 and error.value.status == 3


@pytest.mark.parametrize('part, where', [(110, 'after epoch 0'), (20, 'on the test examples')])
def test_a_cost_that_is_not_finite_on_all_examples_stops(steps, monkeypatch, part, where):
    data = small_data()
    data.XT[0] = 1000
    compiled = training.compile_functions()._replace(
        evaluate=lambda X, t: (np.inf if len(X) == part and (part > 20 or X.max() == 1000) else 0.25, 0.5))
    monkeypatch.setattr(training, 'compile_functions', lambda *_: compiled)
    with pytest.raises(training.NotFinite) as error:
        training.train(small_net(), data, 0.1, 0.5, 20, 1, 1, RNG(0))
    assert str(error.value) == 'the cost is inf %s: lower eta or the initial spread Wsigma' % where


@pytest.mark.parametrize('number, name', [(signal.SIGINT, 'Ctrl-C'), (signal.SIGTERM, 'SIGTERM')])
def test_a_signal_stops_after_its_minibatch_and_is_then_given_back(steps, monkeypatch, number, name):
    before = signal.getsignal(number)

    def update(minibatch):
        steps.append(minibatch)
        if len(steps) == 5:
            os.kill(os.getpid(), number)                            # in the second minibatch of three of epoch 2
        return 0.5

    compiled = training.compile_functions()._replace(update=update)
    monkeypatch.setattr(training, 'compile_functions', lambda *_: compiled)
    with pytest.raises(training.Stopped) as error:
        training.train(small_net(), small_data(), 0.01, 0.5, 50, 10, 10, RNG(0))
    assert str(error.value) == 'stopped by %s after epoch 2, minibatch 2 of 3' % name and len(steps) == 5
    assert error.value.status == (130 if number == signal.SIGINT else 143)
    assert signal.getsignal(number) is before


def test_in_another_thread_it_trains_without_signals(steps):
    log = []
    thread = threading.Thread(target=training.train, args=(small_net(), small_data(), 0.1, 0.5, 50, 1, 1, RNG(0), log))
    thread.start()
    thread.join()
    assert len(log) == 7


LEAK = '''
import os, sys
sys.path[:0] = [%r, os.path.join(%r, 'tests')]
import conftest, training
from helpers import small_data, small_net
import numpy as np

def resident(epoch, net, log):
    if epoch %% 10 == 0:
        with open('/proc/self/statm') as file:
            sizes.append(int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE'))

data, sizes = small_data(NL=8000), []
training.train(small_net(), data, 0.01, 0.5, 10, 50, 10, np.random.RandomState(0), after_epoch=resident)
print(sizes)
'''


@pytest.mark.skipif(not os.path.exists('/proc/self/statm'), reason='resident memory is read from /proc')
def test_training_does_not_leak():
    """Resident memory after the 20th epoch and the 50th, of 800 minibatches each: 50 bytes kept of each would show."""
    run = subprocess.run([sys.executable, '-c', LEAK % (ROOT, ROOT)], stdout=subprocess.PIPE, universal_newlines=True,
                         check=True)
    sizes = [int(size) for size in run.stdout.rstrip().split('\n')[-1].strip('[]').split(',')]
    assert len(sizes) == 5 and sizes[4] - sizes[1] < 2**20, sizes
