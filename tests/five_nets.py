"""Prints the logs of five forms of nets, two epochs each on digits drawn here: test_same_digits.py compares them.

The sixth log is of a net with all that is random, averaged or limited; the seventh of steps without momentum.

    python tests/five_nets.py > tests/five_nets.log          after a change that is meant to change digits
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from theano_setup import theano
import mlp_2layer
import mlp_3layer
import mnist
import training
from convnet import ConvLayer
from datasets.drawn_digits import draw_digits
from nnet import FullLayer, random_stream

X, t = draw_digits(4000, 0)
data = mnist.split([X[:3000], t[:3000], X[3000:], t[3000:]], 'drawn digits', 2500)


def conv(Xdim, ds, afunc, rng, bias=False):
    return ConvLayer(*Xdim, 5, 5, 16, (ds, ds), afunc, bias, 0.1, rng)


def nets(rng):
    """Each form once, each activation function somewhere."""
    first = conv((28, 28, 1), 2, 'linear', rng)
    yield mlp_2layer.Net(first, 10, rng)
    first = conv((28, 28, 1), 2, 'tanh', rng, bias=True)
    yield mlp_3layer.Net(first, conv((first.Zrow, first.Zcol, 16), 2, 'linear', rng), 10, rng)
    first = conv((28, 28, 1), 4, 'ReLu', rng)
    yield mlp_3layer.Net(first, FullLayer(first.H, 50, 'ReLu', True, 0.1, rng), 10, rng)
    yield mlp_2layer.Net(FullLayer(784, 50, 'sigmoid', True, 0.1, rng), 10, rng)
    yield mlp_3layer.Net(FullLayer(784, 70, 'tanh', True, 0.1, rng),
                         FullLayer(70, 30, 'ReLu', True, 0.1, rng), 10, rng)


rng = random_stream(0, 'weights')
for net in nets(rng):
    training.train(net, data, 0.05, 0.8, 100, 2, 1, random_stream(0, 'order'))
first = ConvLayer(28, 28, 1, 5, 5, 16, (3, 3), 'ReLu', True, 0.1, rng, (2, 2), 2, 0.2)
net = mlp_3layer.Net(first, FullLayer(first.H, 50, 'ReLu', True, 0.1, rng, 0.5), 10, rng)
training.train(net, data, 0.05, 0.8, 100, 2, 1, random_stream(0, 'order'), decay=0.001, maxnorm=1.5, average=0.9,
               schedule='cosine', distort=(1, 10., 0.1, 1.), seed=0)
net = mlp_2layer.Net(FullLayer(784, 50, 'tanh', True, 0.1, rng), 10, rng)
training.train(net, data, 0.05, 0., 100, 2, 1, random_stream(0, 'order'))
with open('/proc/self/maps') as file:
    paths = {line.split(None, 5)[5].rstrip('\n') for line in file if line.rstrip().endswith('.so')}
for path in sorted(path for path in paths if path.startswith(os.path.realpath(theano.config.compiledir))):
    print('# loaded ' + path, file=sys.stderr)
