"""Nets of 2, 3, 4 and any number of layers: what they give, how they learn, how they head the log, what they refuse."""
import numpy as np
import pytest
import theano
import theano.tensor as T

import convnet
import mlp_2layer
import mlp_3layer
import mlp_4layer
import naive
import nnet
from convnet import ConvLayer
from helpers import HIDDEN, net_of
from nnet import FullLayer


@pytest.mark.parametrize('hidden', HIDDEN)
def test_output_cost_and_error_equal_numpy(hidden, mode, rng):
    net = net_of(hidden, rng)
    for W in net.params:
        W.set_value(rng.normal(0, 0.5, W.get_value().shape).astype('float32'))
    X, t = rng.normal(size=(20, 2, 8, 9)).astype('float32'), rng.randint(3, size=20).astype('int32')
    p = naive.output(net.layers, X)
    images, labels = theano.shared(X), theano.shared(t)
    found = theano.function([], [net.output(images), net.cost(images, labels), net.error(images, labels)], mode=mode)()
    np.testing.assert_allclose(found[0], p, rtol=1e-3, atol=1e-5)
    assert found[1] == pytest.approx(naive.cost(p, t), rel=1e-4)
    assert found[2] == (p.argmax(axis=1) != t).mean()


@pytest.mark.parametrize('hidden, mode', [(hidden, 'fused') for hidden in HIDDEN] + [('conv-conv-full', 'stock')],
                         indirect=['mode'])
def test_gradients_of_the_training_cost_agree_with_finite_differences(hidden, mode, rng, float64):
    net = net_of(hidden, rng)
    X, t = rng.normal(size=(4, 2, 8, 9)), np.array([0, 1, 2, 1], 'int32')
    values = [rng.normal(0, 0.5, W.get_value().shape) for W in net.params]

    def cost(*params):
        return theano.clone(net.training_cost(T.as_tensor_variable(X), T.as_tensor_variable(t)),
                            dict(zip(net.params, params)))

    theano.gradient.verify_grad(cost, values, rng=rng, mode=mode)


ARTICLE = {   # the header lines that the article prints; of MLPs and of four layers, ours
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
    'conv-conv-full': '### 4-layer\n'
                      '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H1: 2304\n'
                      '# W2dim: (5, 5) W2nch: 16 ds2: (2, 2) H2: 256\n'
                      '# H3: 400',
    'conv-conv-conv': '### 4-layer convnet\n'
                      '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H1: 2304\n'
                      '# W2dim: (5, 5) W2nch: 16 ds2: (2, 2) H2: 256\n'
                      '# W3dim: (3, 3) W3nch: 16 ds3: (2, 2) H3: 16',
    'conv-full-full': '### 4-layer\n'
                      '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H1: 2304\n'
                      '# H2: 400\n'
                      '# H3: 400',
    'full-full-full': '### 4-layer MLP\n# D: 784 H1: 1000 H2: 400 H3: 400',
}


@pytest.mark.parametrize('hidden', HIDDEN)
def test_header_is_the_articles_character_by_character(hidden, rng):
    layers, shape = [], (1, 28, 28)
    for n, kind in enumerate(hidden.split('-')):
        if kind == 'conv':
            W = 3 if n == 2 else 5
            layers.append(ConvLayer(*shape[1:], shape[0], W, W, 16, (2, 2), 'linear', rng=rng))
        else:
            layers.append(FullLayer(int(np.prod(shape)), 400 if n else 1000, 'ReLu', rng=rng))
        shape = layers[-1].Zshape
    net = {1: mlp_2layer, 2: mlp_3layer, 3: mlp_4layer}[len(layers)].Net(*layers, 10, rng)
    assert '\n'.join(net.log_header()) == ARTICLE[hidden] == '\n'.join(convnet.log_header(layers))
    assert repr(net).count('\n') == len(net.layers) and '-> H 10, softmax' in repr(net)


def test_three_conv_layers_are_a_convnet(rng):
    layers = [ConvLayer(n, n, nch, 3, 3, 4, (2, 2), 'tanh', rng=rng) for n, nch in ((20, 1), (9, 4), (4, 4))]
    assert mlp_4layer.Net(*layers, 3, rng).log_header() == [
        '### 4-layer convnet', '# Xdim: (20, 20) Xnch: 1 W1dim: (3, 3) W1nch: 4 ds1: (2, 2) H1: 324',
        '# W2dim: (3, 3) W2nch: 4 ds2: (2, 2) H2: 64', '# W3dim: (3, 3) W3nch: 4 ds3: (2, 2) H3: 4']


def test_a_net_of_any_depth_is_headed_by_its_layers_reprs(rng):
    net = nnet.Net(FullLayer(6, 5, 'tanh', rng=rng), FullLayer(5, 4, 'ReLu', False, rng=rng),
                   FullLayer(4, 3, 'softmax', rng=rng))
    assert net.log_header() == ['### 3-layer net', '# FullLayer(D 6 -> H 5, tanh)',
                                '# FullLayer(D 5 -> H 4, ReLu, no bias)',
                                '# FullLayer(D 4 -> H 3, softmax)']
    assert net.params == [W for layer in net.layers for W in layer.params] and len(net.params) == 5


@pytest.mark.parametrize('make, line', [
    (lambda full, conv, rng: mlp_2layer.Net(None, 3, rng),
     'layer1 = None: must be a layer, such as a ConvLayer or a FullLayer'),
    (lambda full, conv, rng: mlp_2layer.Net(full, 0, rng), 'K = 0: must be a whole number'),
    (lambda full, conv, rng: mlp_2layer.Net(full, 3.0, rng), 'K = 3.0: must be a whole number'),
    (lambda full, conv, rng: mlp_2layer.Net(full, 3, None), 'rng = None: must be a numpy RandomState'),
    (lambda full, conv, rng: mlp_3layer.Net(conv, 'full', 3, rng), "layer2 = 'full': must be a layer"),
    (lambda full, conv, rng: mlp_3layer.Net(full, full, 3, rng),
     'layer2 = FullLayer(D 7 -> H 5, tanh) does not take what'),
    (lambda full, conv, rng: mlp_3layer.Net(full, conv, 3, rng), 'layer2 = ConvLayer(X 8x9x2 '),
    (lambda full, conv, rng: mlp_3layer.Net(conv, conv, 3, rng), 'layer2 = ConvLayer(X 8x9x2 '),
    (lambda full, conv, rng: mlp_4layer.Net(conv, FullLayer(36, 7, 'tanh', rng=rng), 1, 3, rng),
     'layer3 = 1: must be a layer'),
    (lambda full, conv, rng: mlp_4layer.Net(conv, FullLayer(36, 8, 'tanh', rng=rng), full, 3, rng),
     'layer3 = FullLayer(D 7 -> H 5, tanh) does not take what layer2 = FullLayer(D 36 -> H 8, tanh) gives'),
    (lambda full, conv, rng: nnet.Net(full, full), 'layer2 = FullLayer(D 7 -> H 5, tanh) does not take what'),
    (lambda full, conv, rng: nnet.Net(full, None), 'layer2 = None: must be a layer'),
    (lambda full, conv, rng: nnet.Net(), 'a net must have at least one layer'),
])
def test_wrong_arguments_are_named(make, line, rng):
    with pytest.raises(ValueError) as error:
        make(FullLayer(7, 5, 'tanh', rng=rng), ConvLayer(8, 9, 2, 3, 2, 4, (2, 3), 'tanh', rng=rng), rng)
    assert str(error.value).startswith(line)
