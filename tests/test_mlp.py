import numpy as np
import pytest
import theano
import theano.tensor as T

import mlp_2layer
import mlp_3layer
import naive
from convnet import ConvLayer
from nnet import FullLayer


def net_of(hidden, rng, Xrow=8, Xcol=9, K=3):
    """A small net with the hidden layers named, every other layer with another activation function."""
    first, _, second = hidden.partition('-')
    if first == 'conv':
        layer1 = ConvLayer(Xrow, Xcol, 2, 3, 2, 4, (2, 3), 'tanh', True, 0.3, rng)
    else:
        layer1 = FullLayer(2 * Xrow * Xcol, 6, 'tanh', True, 0.1, rng)
    if not second:
        return mlp_2layer.Net(layer1, K, rng)
    if second == 'conv':
        layer2 = ConvLayer(layer1.Zrow, layer1.Zcol, layer1.Wnch, 2, 2, 3, (2, 2), 'sigmoid', True, 0.3, rng)
    else:
        layer2 = FullLayer(layer1.H, 5, 'sigmoid', True, 0.3, rng)
    return mlp_3layer.Net(layer1, layer2, K, rng)


def naive_output(net, X):
    for layer in net.layers:
        W, b = layer.W.get_value(), layer.b.get_value()
        if isinstance(layer, ConvLayer):
            X = naive.AFUNC[layer.afunc](naive.max_pool(naive.conv(X, W), layer.ds) + b[:, None, None])
        else:
            Y = X.reshape(len(X), -1).dot(W) + b
            X = naive.softmax(Y) if layer.afunc == 'softmax' else naive.AFUNC[layer.afunc](Y)
    return X


HIDDEN = ['conv', 'full', 'conv-conv', 'conv-full', 'full-full']


@pytest.mark.parametrize('hidden', HIDDEN)
def test_output_cost_and_error_equal_numpy(hidden, rng):
    net = net_of(hidden, rng)
    for W in net.params:
        W.set_value(rng.normal(0, 0.5, W.get_value().shape).astype('float32'))
    X, t = rng.normal(size=(20, 2, 8, 9)).astype('float32'), rng.randint(3, size=20).astype('int32')
    p = naive_output(net, X)
    found = theano.function([], [net.output(theano.shared(X)), net.cost(theano.shared(X), theano.shared(t)),
                                 net.error(theano.shared(X), theano.shared(t))])()
    np.testing.assert_allclose(found[0], p, rtol=1e-3, atol=1e-5)
    assert found[1] == pytest.approx(-np.log(p[np.arange(20), t]).mean(), rel=1e-4)
    assert found[2] == (p.argmax(axis=1) != t).mean()


@pytest.mark.parametrize('hidden', HIDDEN)
def test_gradients_of_the_cost_agree_with_finite_differences(hidden, rng, float64):
    net = net_of(hidden, rng)
    X, t = rng.normal(size=(4, 2, 8, 9)), np.array([0, 1, 2, 1], 'int32')
    values = [rng.normal(0, 0.5, W.get_value().shape) for W in net.params]

    def cost(*params):
        return theano.clone(net.cost(T.as_tensor_variable(X), T.as_tensor_variable(t)), dict(zip(net.params, params)))

    theano.gradient.verify_grad(cost, values, rng=rng)


ARTICLE = {   # the header lines that the article prints
    'conv': '### 2-layer convnet\n'
            '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H: 2304\n'
            '# H: 2304',
    'conv-conv': '### 3-layer convnet\n'
                 '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H1: 2304\n'
                 '# W2dim: (5, 5) W2nch: 16 ds2: (2, 2) H2: 256',
    'conv-full': '### 3-layer\n'
                 '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H1: 2304\n'
                 '# H2: 400',
    'full': '### 2-layer MLP\n# D: 784 H: 1000',
    'full-full': '### 3-layer MLP\n# D: 784 H1: 1000 H2: 400',
}


@pytest.mark.parametrize('hidden', HIDDEN)
def test_header_is_the_articles_character_by_character(hidden, rng):
    if hidden.startswith('conv'):
        layer1 = ConvLayer(28, 28, 1, 5, 5, 16, (2, 2), 'linear', rng=rng)
    else:
        layer1 = FullLayer(784, 1000, 'linear', rng=rng)
    if hidden == 'conv-conv':
        layer2 = ConvLayer(12, 12, 16, 5, 5, 16, (2, 2), 'linear', rng=rng)
    else:
        layer2 = FullLayer(layer1.H, 400, 'ReLu', rng=rng)
    net = mlp_3layer.Net(layer1, layer2, 10, rng) if '-' in hidden else mlp_2layer.Net(layer1, 10, rng)
    assert '\n'.join(net.log_header()) == ARTICLE[hidden]
    assert repr(net).count('\n') == len(net.layers) and '-> H 10, softmax' in repr(net)


@pytest.mark.parametrize('make, line', [
    (lambda full, conv, rng: mlp_2layer.Net(None, 3, rng), 'layer1 = None: must be a layer'),
    (lambda full, conv, rng: mlp_2layer.Net(full, 0, rng), 'K = 0: must be a whole number'),
    (lambda full, conv, rng: mlp_2layer.Net(full, 3.0, rng), 'K = 3.0: must be a whole number'),
    (lambda full, conv, rng: mlp_2layer.Net(full, 3, None), 'rng = None: must be a numpy RandomState'),
    (lambda full, conv, rng: mlp_3layer.Net(conv, 'full', 3, rng), "layer2 = 'full': must be a layer"),
    (lambda full, conv, rng: mlp_3layer.Net(full, full, 3, rng), 'layer2 = FullLayer(D 7 -> H 5, tanh) does not take what'),
    (lambda full, conv, rng: mlp_3layer.Net(full, conv, 3, rng), 'layer2 = ConvLayer(X 8x9x2 '),
    (lambda full, conv, rng: mlp_3layer.Net(conv, conv, 3, rng), 'layer2 = ConvLayer(X 8x9x2 '),
])
def test_wrong_arguments_are_named(make, line, rng):
    with pytest.raises(ValueError) as error:
        make(FullLayer(7, 5, 'tanh', rng=rng), ConvLayer(8, 9, 2, 3, 2, 4, (2, 3), 'tanh', rng=rng), rng)
    assert str(error.value).startswith(line)
