import os
import re
import signal

import numpy as np
import pytest

import mlp_2layer
import mnist
import naive
import training
from convnet import ConvLayer
from nnet import FullLayer


def small_data(NL=110, seed=0):
    """Data of two classes, 6 x 7 pixels in one channel."""
    rng = np.random.RandomState(seed)
    t = rng.randint(2, size=NL + 40).astype('int32')
    X = (rng.normal(size=(NL + 40, 1, 6, 7)) + t[:, None, None, None]).astype('float32')
    return mnist.Data('two classes', X[:NL], t[:NL], X[NL:NL + 20], t[NL:NL + 20], X[-20:], t[-20:], 1, 6, 7, 2, 0)


def small_net(rng):
    return mlp_2layer.Net(FullLayer(42, 5, 'tanh', rng=rng), 2, rng)


def test_parameters_after_two_epochs_equal_a_loop_in_numpy(capsys):
    """Shuffled minibatches, a partial last one, momentum: the whole of training against twenty lines of NumPy."""
    data, eta, mu, batchsize = small_data(), 0.5, 0.8, 20
    net = small_net(np.random.RandomState(3))
    W1, b1, W2, b2 = params = [W.get_value().astype('float64') for W in net.params]
    velocities = [np.zeros_like(W) for W in params]
    log = training.train(net, data, eta, mu, batchsize, 2, 1, np.random.RandomState(5))

    rng = np.random.RandomState(5)
    X, T = data.XL.reshape(110, 42).astype('float64'), np.eye(2)[data.tL]

    def output(X):
        Z = np.tanh(X.dot(W1) + b1)
        return Z, naive.softmax(Z.dot(W2) + b2)

    for _ in range(2):
        order = rng.permutation(110)
        for first in range(0, 110, batchsize):
            x, t = X[order[first:first + batchsize]], T[order[first:first + batchsize]]
            Z, p = output(x)
            d2 = (p - t) / len(x)
            d1 = d2.dot(W2.T) * (1 - Z**2)
            for W, v, g in zip(params, velocities, (x.T.dot(d1), d1.sum(0), Z.T.dot(d2), d2.sum(0))):
                v *= mu
                v -= (1 - mu) * eta * g
                W += v
    for found, expected in zip(net.params, params):
        np.testing.assert_allclose(found.get_value(), expected, rtol=1e-3, atol=1e-5)
    epoch, cost, error, _ = log[-3].split()
    p = output(X)[1]
    assert float(cost) == pytest.approx(-np.log((p * T).sum(1)).mean(), rel=1e-4)
    assert float(error) == pytest.approx(100 * (p.argmax(1) != data.tL).mean())
    assert capsys.readouterr().out.split('\n')[:-1] == log


def test_every_example_is_used_once_an_epoch(monkeypatch):
    data, seen = small_data(), []
    monkeypatch.setattr(training, 'train_epoch', lambda update, batches, *_: seen.append(batches))
    training.train(small_net(np.random.RandomState(0)), data, 0.1, 0.5, 25, 3, 10, np.random.RandomState(0))
    assert [[len(batch) for batch in batches] for batches in seen] == [[]] + [[25, 25, 25, 25, 10]] * 3
    orders = [np.concatenate(batches) for batches in seen[1:]]
    assert all(sorted(order) == list(range(110)) for order in orders)
    assert not np.array_equal(orders[0], orders[1])


def test_evaluation_in_large_batches_equals_one_batch(monkeypatch):
    net, data = small_net(np.random.RandomState(0)), small_data()
    evaluate = training.compile_net(net, data, 0.1, 0.5).evaluate
    whole = training.mean_over(evaluate, data.XL, data.tL)
    monkeypatch.setattr(training, 'LARGE', 30)
    parts = training.mean_over(evaluate, data.XL, data.tL)
    assert parts[0] == pytest.approx(whole[0], rel=1e-6) and parts[1] == whole[1]


FLOAT = r'\d+\.\d+(e-\d+)?'


def test_form_and_order_of_the_log():
    log = training.train(small_net(np.random.RandomState(0)), small_data(), 0.1, 0.5, 50, 5, 2, np.random.RandomState(0))
    assert log[:3] == ['### 2-layer MLP', '# D: 42 H: 5', '### training: NL = 110 NV = 20 K = 2 batchsize = 50']
    assert [line.split()[0] for line in log[3:]] == ['0', '2', '4', '5', '#', '5']
    assert log[-2] == '# NT = 20'
    assert all(re.fullmatch(r'\d+( %s){3}' % FLOAT, line) for line in log[3:-2])
    assert re.fullmatch(r'5( %s){4}' % FLOAT, log[-1])
    assert log[-1].split()[2:4] == log[-3].split()[2:4]


def test_no_epoch_prints_the_initial_error_and_the_test_error():
    log = training.train(small_net(np.random.RandomState(0)), small_data(), 0.1, 0.5, 50, 0, 10, np.random.RandomState(0))
    assert [line.split()[0] for line in log[3:]] == ['0', '#', '0']


@pytest.mark.parametrize('value, text', [      # left: the article's figures, as Python 2 printed them
    (2.30414773606, '2.30414773606'), (90.966, '90.966'), (100 * 9 / 50000, '0.018'), (0.0, '0.0'), (2.0, '2.0'),
    (0.000150985761616, '0.000150985761616'), (1 / 3, '0.333333333333'), (0.00001, '1e-05'), (100.0, '100.0'),
    (-3.0, '-3.0'), (1e20, '1e+20'), (float('inf'), 'inf'), (50, '50'), ('text', 'text'),
    (np.float64(0.25), '0.25'),
])
def test_floats_are_printed_as_python_2_did(value, text):
    assert training.python2_str(value) == text


def test_a_cost_that_is_not_finite_stops_within_its_minibatch():
    data = small_data()
    order = np.random.RandomState(7).permutation(110).astype('int32')
    data.XL[order[45]] = np.nan                                     # in the third minibatch of 20
    batches = [order[first:first + 20] for first in range(0, 110, 20)]
    update = training.compile_net(small_net(np.random.RandomState(0)), data, 0.1, 0.5).update
    used = []
    with pytest.raises(training.NotFinite) as error:
        training.train_epoch(lambda batch: used.append(batch) or update(batch), batches, 1, (), training.Progress(1, 6))
    assert str(error.value) == 'the cost is nan in epoch 1, minibatch 3 of 6: lower eta or the initial spread Wsigma'
    assert len(used) == 3


def test_a_cost_that_is_not_finite_on_all_examples_stops():
    data = small_data()
    data.XL[5] = np.inf
    with pytest.raises(training.NotFinite, match='the cost is nan after epoch 0: lower eta'):
        training.train(small_net(np.random.RandomState(0)), data, 0.1, 0.5, 20, 1, 1, np.random.RandomState(0))


def test_ctrl_c_stops_after_its_minibatch_and_is_then_given_back(monkeypatch):
    before = signal.getsignal(signal.SIGINT)

    def press(progress, epoch, n):
        if (epoch, n) == (2, 1):
            os.kill(os.getpid(), signal.SIGINT)                     # while the second minibatch begins

    monkeypatch.setattr(training.Progress, 'show', press)
    with pytest.raises(training.Stopped) as error:
        training.train(small_net(np.random.RandomState(0)), small_data(), 0.01, 0.5, 50, 10, 10, np.random.RandomState(0))
    assert str(error.value) == 'stopped by Ctrl-C after epoch 2, minibatch 2 of 3'
    assert signal.getsignal(signal.SIGINT) is before


def test_a_conv_net_learns():
    rng = np.random.RandomState(0)
    net = mlp_2layer.Net(ConvLayer(6, 7, 1, 3, 3, 4, (2, 2), 'ReLu', rng=rng), 2, rng)
    log = training.train(net, small_data(), 0.1, 0.8, 10, 20, 20, rng)
    assert float(log[-1].split()[-1]) < 10 < 30 < float(log[4].split()[-1])
