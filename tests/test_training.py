"""The training loop against NumPy, its log, its doors for one's own ideas, and costs that are not finite."""
import re

import numpy as np
import pytest
import theano.tensor as T

import mlp_2layer
import naive
import nnet
import training
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
    log = training.train(net, data, eta, 0.8, 20, 3, 1, RNG(5))
    naive.train(params, data.XL.reshape(110, 42).astype('float64'), data.tL, lambda epoch: 0.1 / epoch, 0.8, 20, 3,
                RNG(5))
    assert_equal(net, params)
    assert asked[0] == 1 and asked[-3:] == [1, 2, 3]                 # once before anything is compiled
    assert '# eta: 0.1 in epoch 1, %r in epoch 3' % (0.1 / 3) == log[0]
    log = training.train(net, data, eta, 0.8, 20, 0, 1, RNG(5))
    assert log[0] == '# eta: 0.1 in epoch 1, 0.1 in epoch 1'           # also where no epoch is asked for


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


# ---- divergence

def test_a_cost_that_is_not_finite_stops_within_its_minibatch(steps):
    steps.bad = [RNG(7).permutation(110)[45]]                       # in the third minibatch of 20
    with pytest.raises(training.NotFinite) as error:
        training.train(small_net(), small_data(), 0.1, 0.5, 20, 1, 1, RNG(7))
    assert str(error.value) == 'the cost is nan in epoch 1, minibatch 3 of 6: lower eta or the initial spread Wsigma'
    assert len(steps) == 3 and error.value.status == 3


@pytest.mark.parametrize('part, where', [
    (110, 'before the first step: lower'), (20, 'on the test examples: lower eta or')])
def test_a_cost_that_is_not_finite_on_all_examples_stops(steps, monkeypatch, part, where):
    data = small_data()
    data.XT[0] = 1000
    compiled = training.compile_functions()._replace(
        evaluate=lambda X, t: (np.inf if len(X) == part and (part > 20 or X.max() == 1000) else 0.25, 0.5))
    monkeypatch.setattr(training, 'compile_functions', lambda *_: compiled)
    with pytest.raises(training.NotFinite) as error:
        training.train(small_net(), data, 0.1, 0.5, 20, 1, 1, RNG(0))
    assert str(error.value) == 'the cost is inf %s the initial spread Wsigma' % where
