"""2-layer net: one hidden layer, conv or fully connected, and a softmax layer."""
from convnet import ConvLayer
from nnet import FullLayer, a_layer, cross_entropy, error_rate, whole


class Net:
    """Hidden layer + softmax layer of K classes, with biases, initial weights N(0, 0.005^2).

    X: (N, Xnch, Xrow, Xcol) images; t: (N,) labels, 0 to K - 1; output: (N, K) class probabilities.
    rng: numpy RandomState that draws the softmax layer's weights. Raises ValueError as the layers do.
    """

    def __init__(self, layer1, K, rng):
        self.layer1 = a_layer('layer1', layer1)
        self.layer2 = FullLayer(layer1.H, whole('K', K), 'softmax', Wsigma=0.005, rng=rng)
        self.layers = [self.layer1, self.layer2]
        self.params = [W for layer in self.layers for W in layer.params]

    def output(self, X):
        Z1 = self.layer1.output(X)
        return self.layer2.output(Z1)

    def cost(self, X, t):
        return cross_entropy(self.output(X), t)

    def error(self, X, t):
        return error_rate(self.output(X), t)

    def log_header(self):
        """The lines of the log that describe the net."""
        layer1 = self.layer1
        if not isinstance(layer1, ConvLayer):
            return ['### 2-layer MLP', '# D: %d H: %d' % (layer1.D, layer1.H)]
        line1 = '# Xdim: %s Xnch: %d W1dim: %s W1nch: %d ds1: %s H: %d' % (
            (layer1.Xrow, layer1.Xcol), layer1.Xnch, (layer1.Wrow, layer1.Wcol), layer1.Wnch, layer1.ds, layer1.H)
        return ['### 2-layer convnet', line1, '# H: %d' % layer1.H]

    def __repr__(self):
        return '2-layer net\n' + '\n'.join('  %d: %r' % item for item in enumerate(self.layers, 1))
