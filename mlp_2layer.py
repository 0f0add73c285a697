"""2-layer net: one hidden layer, conv, fully connected or of one's own, and a softmax layer."""
import convnet
import nnet


class Net(nnet.Net):
    """Hidden layer + softmax layer of K classes.

    X: (N, Xnch, Xrow, Xcol) images; t: (N,) labels, 0 to K - 1; output: (N, K) class probabilities.
    rng: numpy RandomState that draws the softmax layer's weights. Raises ValueError as the layers do.
    """

    def __init__(self, layer1, K, rng):
        self.layer1 = nnet.a_layer('layer1', layer1)
        self.layer2 = nnet.softmax_layer(layer1.H, K, rng)
        super().__init__(self.layer1, self.layer2)

    def log_header(self):
        return convnet.log_header([self.layer1])
