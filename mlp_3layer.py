"""3-layer net: two hidden layers, conv or fully connected, and a softmax layer."""
from convnet import ConvLayer
from nnet import FullLayer, a_layer, cross_entropy, error_rate, whole


class Net:
    """Two hidden layers + softmax layer of K classes, with biases, initial weights N(0, 0.005^2).

    X: (N, Xnch, Xrow, Xcol) images; t: (N,) labels, 0 to K - 1; output: (N, K) class probabilities.
    rng: numpy RandomState that draws the softmax layer's weights. Raises ValueError as the layers do.
    """

    def __init__(self, layer1, layer2, K, rng):
        self.layer1 = a_layer('layer1', layer1)
        self.layer2 = a_layer('layer2', layer2)
        if isinstance(layer2, ConvLayer):
            fits = isinstance(layer1, ConvLayer) and (
                (layer2.Xnch, layer2.Xrow, layer2.Xcol) == (layer1.Wnch, layer1.Zrow, layer1.Zcol))
        else:
            fits = getattr(layer2, 'D', layer1.H) == layer1.H          # a layer of another kind may have no D
        if not fits:
            raise ValueError('layer2 = %r does not take what layer1 = %r gives' % (layer2, layer1))
        self.layer3 = FullLayer(layer2.H, whole('K', K), 'softmax', Wsigma=0.005, rng=rng)
        self.layers = [self.layer1, self.layer2, self.layer3]
        self.params = [W for layer in self.layers for W in layer.params]

    def output(self, X):
        Z1 = self.layer1.output(X)
        Z2 = self.layer2.output(Z1)
        return self.layer3.output(Z2)

    def cost(self, X, t):
        return cross_entropy(self.output(X), t)

    def error(self, X, t):
        return error_rate(self.output(X), t)

    def log_header(self):
        """The lines of the log that describe the net."""
        layer1, layer2 = self.layer1, self.layer2
        if not isinstance(layer1, ConvLayer):
            return ['### 3-layer MLP', '# D: %d H1: %d H2: %d' % (layer1.D, layer1.H, layer2.H)]
        line1 = '# Xdim: %s Xnch: %d W1dim: %s W1nch: %d ds1: %s H1: %d' % (
            (layer1.Xrow, layer1.Xcol), layer1.Xnch, (layer1.Wrow, layer1.Wcol), layer1.Wnch, layer1.ds, layer1.H)
        if not isinstance(layer2, ConvLayer):
            return ['### 3-layer', line1, '# H2: %d' % layer2.H]
        return ['### 3-layer convnet', line1,
                '# W2dim: %s W2nch: %d ds2: %s H2: %d' % ((layer2.Wrow, layer2.Wcol), layer2.Wnch, layer2.ds, layer2.H)]

    def __repr__(self):
        return '3-layer net\n' + '\n'.join('  %d: %r' % item for item in enumerate(self.layers, 1))
