"""Trials of other readings of the article: the formulas against loops in NumPy, and what else may be read otherwise."""

import numpy as np
import pytest
import theano
import theano.tensor as T

import mlp_2layer
import mnist
import nnet
import reading
from conftest import run_script
from convnet import ConvLayer
from datasets.drawn_digits import draw_digits

A, W0, ETA, MU = np.diag([1.0, 2.0, 5.0]), np.array([1.0, -2.0, 0.5]), 0.05, 0.8     # cost W A W / 2, gradient A W


def textbook(W, v, eta):
    v = MU * v - eta * A.dot(W)
    return W + v, v


def before(W, v, eta):
    return W + v, MU * v - eta * A.dot(W)


def nesterov(W, v, eta):
    """By its definition: the gradient is that of a place ahead, U + mu v, which is what W is."""
    U = W - MU * v
    v = MU * v - eta * A.dot(U + MU * v)
    return U + v + MU * v, v


@pytest.mark.parametrize('formula, step, eta', [
    ('textbook', textbook, ETA), ('average', textbook, (1 - MU) * ETA), ('before', before, ETA),
    ('average-before', before, (1 - MU) * ETA), ('nesterov', nesterov, ETA)])
def test_formulas_equal_loops_in_numpy(formula, step, eta, float64):
    W, expected, v = theano.shared(W0, 'W'), W0.copy(), np.zeros(3)
    updates = reading.momentum(T.dot(W, T.dot(A, W)) / 2, [W], formula, ETA, MU)
    update = theano.function([], updates=list(updates.items()))
    for _ in range(6):
        update()
        expected, v = step(expected, v, eta)
        np.testing.assert_allclose(W.get_value(), expected, rtol=1e-12)


def test_the_order_of_examples_is_drawn_once_where_asked_for():
    once, rng = reading.OrderOnce(3), np.random.RandomState(3)
    first = once.permutation(50)
    assert np.array_equal(first, rng.permutation(50)) and np.array_equal(once.permutation(50), first)
    assert not np.array_equal(rng.permutation(50), first)


def test_initial_weights_get_the_spreads_asked_for(rng):
    def net(seed):
        rng = np.random.RandomState(seed)
        return mlp_2layer.Net(ConvLayer(28, 28, 1, 5, 5, 64, (4, 4), 'linear', rng=rng), 10, rng)

    given, changed = net(0), net(0)
    reading.set_spreads(changed, True, 4 * nnet.SOFTMAX_SIGMA)
    (W, _, V, _), (W0, _, V0, _) = ([variable.get_value() for variable in of.params] for of in (changed, given))
    assert W.std() == pytest.approx(1 / 5, rel=1e-5)                    # a unit has 25 inputs
    np.testing.assert_allclose(W / W0, (W / W0)[0, 0, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(V, 4 * V0, rtol=1e-5)


def test_pixels_with_and_without_mean_and_scale():
    X, t = draw_digits(60, 0)
    data = mnist.split([X[:48], t[:48], X[48:], t[48:]], 'drawn', 40)
    np.testing.assert_allclose(reading.with_pixels(data, True, 255).XL.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(reading.with_pixels(data, False, 255).XT[:, 0], X[48:] / 255, atol=1e-6)
    np.testing.assert_allclose(reading.with_pixels(data, False, 1).XL[:, 0], X[:40], atol=1e-4)
    np.testing.assert_allclose(reading.with_pixels(data, True, 1).XV[:, 0], X[40:48] - X[:40].mean(0), atol=1e-4)


def test_read_as_the_collection_does_a_trial_prints_its_log(folder):
    settings = 'data=' + folder, 'NL=500', 'nepoch=1', 'hidden=full', 'H1=8'
    flags = dict(THEANO_FLAGS='linker=py,optimizer_excluding=fused')               # nothing to compile
    run, plain = (run_script(*settings, *own, script=script, **flags) for script, own in
                  (('experiments/reading.py', ['mean=False', 'softmax=0.02']), ('mnist_convnet.py', [])))
    first, _, rest = run.stdout.partition('\n')
    assert first == '# reading: formula=textbook inputs=False softmax=0.02 mean=False scale=255 order=anew'
    assert rest == plain.stdout and plain.returncode == 0, run.stderr + plain.stderr
    other = run_script(*settings, 'formula=before', 'order=once', script='experiments/reading.py', **flags)
    assert other.returncode == 0 and other.stdout.count('\n') == run.stdout.count('\n'), other.stderr
    assert other.stdout.split('\n')[-2] != run.stdout.split('\n')[-2]              # the test line


def test_a_wrong_setting_is_one_line():
    run = run_script('formula=newton', script='experiments/reading.py')
    assert run.returncode == 2 and run.stdout == ''
    assert run.stderr == ("formula = 'newton': must be one of textbook, average, before, average-before, nesterov\n")
