"""Draws a picture; matplotlib is needed (`make extras`).

    python experiments/pictures.py curves       training, validation and test error by epoch: mean and spread over seeds
    python experiments/pictures.py costs        the same of the cost
    python experiments/pictures.py seeds        the test error of every seed, with the article's figures
    python experiments/pictures.py times        the same, and wall times
    python experiments/pictures.py filters      the filters of a net's first layer; layer=2: of its second
    python experiments/pictures.py maps         a test digit's way through the layers: digit=N picks it
    python experiments/pictures.py mistakes     the misclassified test digits
    python experiments/pictures.py confusion    which classes are taken for which; of a folder of nets, summed over them

The first four draw what is in results=FOLDER, or the runs=a,b of it. The others take net=NET.npz, a net saved by
mnist_convnet.py, or else train one for 5 epochs. png=FILE.png, .pdf or .svg names the picture and its form.
"""
import glob
import importlib
import os
import subprocess
import sys

from paths import RESULTS, ROOT
import numpy as np

from run import script, settings
from run.settings import SettingError
import drawing
from groups import groups_of
from runs import GROUPS, RUNS

DEFAULTS = {'png': '', 'width': drawing.DEFAULT_WIDTH, 'results': RESULTS, 'runs': '', 'net': '', 'data': 'auto',
            'layer': 1, 'digit': 0}
RULES = {
    'png': (drawing.FILE[0], drawing.FILE[1] + '; if not given, PICTURE.png in results'),
    'width': drawing.WIDTH,
    'results': (lambda value: value == RESULTS or os.path.isdir(value), 'a folder that is there'),
    'runs': (lambda value: isinstance(value, str), 'names of runs or groups, separated by commas; if not given, all'),
    'net': (lambda value: value == '' or os.path.exists(value),
            'a file of a net, or a folder of them; if not given, net.npz in results'),
    'data': (lambda value: isinstance(value, str), "'auto', 'mnist', 'drawn' or a folder of IDX files"),
    'layer': settings.integers(1, 9),
    'digit': (settings.integers(0, 10**9)[0], 'a whole number of at least 0, of a test example'),
}
OF_RUNS, OF_A_NET = ('png', 'width', 'results', 'runs'), ('png', 'width', 'results', 'net', 'data')


# ---- of runs

def chosen(given):
    """The groups of runs=a,b, in that order; if not given, all, in the order of runs.py. Raises SettingError."""
    found = {group.name: group for group in groups_of([os.path.join(given['results'], 'logs')])}
    names = []
    for word in given['runs'].split(',') if given['runs'] else [*RUNS, *found]:
        if given['runs'] and word not in found and word not in GROUPS:
            raise SettingError('runs = %s: %s' % (word, settings.nearest(word, [*found, *GROUPS], 'run or group')))
        names += [name for name in GROUPS.get(word, [word]) if name in found]
    if not names:
        raise SettingError('runs = %s: none of them is in %s yet; there are %s' % (
            given['runs'], given['results'], ', '.join(found)))
    return [found[name] for name in dict.fromkeys(names)]


def curves(given):
    from error_figures import curves_figure
    return curves_figure(chosen(given), given['width'])


def costs(given):
    from error_figures import curves_figure
    return curves_figure(chosen(given), given['width'], of='cost')


def seeds(given, times=False):
    from error_figures import seeds_figure
    groups = chosen(given)
    article = {group.name: RUNS[group.name].article for group in groups
               if group.name in RUNS and not any(log.changed for log in group.logs)}
    return seeds_figure(groups, article, given['width'], times)


def times(given):
    return seeds(given, times=True)


# ---- of nets

def saved_nets_of(given):
    """The nets of net=, or else one trained here and kept, as load_net gives them. Raises FileError."""
    from run import saved_nets
    path = given['net'] or os.path.join(given['results'], 'net.npz')
    if not os.path.exists(path):
        train_net(path, given['data'])
    paths = sorted(glob.glob(os.path.join(glob.escape(path), '*.npz'))) if os.path.isdir(path) else [path]
    if not paths:
        raise SettingError('net = %s: has no *.npz in it' % path)
    return [saved_nets.load_net(path) for path in paths]


def train_net(path, data):
    print('# training a net for 5 epochs, to be kept in %s' % path, file=sys.stderr, flush=True)
    arguments = ['data=' + data, 'nepoch=5', 'ds1=(4,4)', 'save=' + path]
    if data not in ('auto', 'mnist', 'drawn'):               # a folder may have fewer than 50000 examples to train
        from datasets import folders
        N = folders.read(folders.find(data)[0], header_only=True)[0]
        arguments.append('NL=%d' % min(N - N // 6, 50000))
    command = [sys.executable, os.path.join(ROOT, 'mnist_convnet.py')] + arguments
    run = subprocess.run(command, stdout=subprocess.DEVNULL)
    if run.returncode != 0:
        sys.exit(run.returncode)                             # it has said why


def examples(saved, data):
    """Of the test examples: images of pixels / 255, labels, what the saved net takes as X, and where they are from."""
    import mnist
    shape = mnist.image_size(data)
    if shape != saved.mean.shape:
        raise SettingError('data = %s: images (Xnch, Xrow, Xcol) are %s, the net takes %s' % (
            data, shape, saved.mean.shape))
    loaded = mnist.load(data, NL=1)                          # what is there to train on does not matter
    if loaded.K != saved.K:
        raise SettingError('data = %s: has K = %d classes, the net %d' % (data, loaded.K, saved.K))
    if loaded.source != saved.source:
        print('# the net was trained on %s, the examples are from %s' % (saved.source, loaded.source), file=sys.stderr)
    return loaded.XT, loaded.tT, loaded.XT - saved.mean.astype('float32'), loaded.source


def compiled(layers):
    """A function of images X (N, Xnch, Xrow, Xcol) that returns the outputs of all the layers."""
    from theano_setup import theano
    importlib.import_module('fused')                         # its Ops: those that training has compiled already
    outputs = [theano.tensor.tensor4('X')]
    for layer in layers:
        outputs.append(layer.output(outputs[-1]))
    return theano.function(outputs[:1], outputs[1:])


def probabilities(saved, X):
    """Class probabilities p (N, K) of images."""
    output = compiled(saved.net.layers)
    return np.concatenate([output(X[start:start + 1000])[-1] for start in range(0, len(X), 1000)])


def filters(given):
    import net_figures
    saved, number = saved_nets_of(given)[0], given['layer']
    layers = saved.net.layers
    if number > len(layers):
        raise SettingError('layer = %d: must be from 1 to %d' % (number, len(layers)))
    layer, below = layers[number - 1], layers[:number - 1]
    previous = getattr(below[-1], 'Zshape', (below[-1].H,)) if below else saved.mean.shape
    if np.ndim(getattr(layer, 'W', None)) not in (2, 4):
        raise SettingError('layer = %d: %r has no weights W of 2 or 4 dimensions' % (number, layer))
    W = layer.W.get_value()
    conv = W.ndim == 4
    if not conv:                                             # fully connected: the weights of each unit are maps
        W = W.T.reshape((-1,) + (tuple(previous) if len(previous) == 3 else (1, 1) + tuple(previous)))
    if number == 1:
        return net_figures.filters_figure(W, conv, given['width'])
    return net_figures.deep_filters_figure(W, number, conv, given['width'])


def maps(given):
    import net_figures
    saved, digit = saved_nets_of(given)[0], given['digit']
    images, t, X, source = examples(saved, given['data'])
    if digit >= len(t):
        raise SettingError('digit = %d: must be from 0 to %d' % (digit, len(t) - 1))
    *outputs, p = compiled(saved.net.layers)(X[digit:digit + 1])
    layers = [(getattr(layer, 'afunc', repr(layer)), Z[0]) for layer, Z in zip(saved.net.layers, outputs)]
    return net_figures.maps_figure(images[digit], t[digit], layers, p[0], 'test example %d (%s), ' % (digit, source),
                                   given['width'])


def mistakes(given):
    import net_figures
    saved = saved_nets_of(given)[0]
    images, t, X, source = examples(saved, given['data'])
    return net_figures.mistakes_figure(images, t, probabilities(saved, X), ' (%s)' % source, given['width'])


def confusion(given):
    import net_figures
    nets = saved_nets_of(given)
    counts = np.zeros((nets[0].K, nets[0].K), int)
    for saved in nets:
        _, t, X, source = examples(saved, given['data'])
        np.add.at(counts, (t, probabilities(saved, X).argmax(axis=1)), 1)
    of = ' (%s)' % source + (', summed over %d nets' % len(nets) if len(nets) > 1 else '')
    return net_figures.confusion_figure(counts, of, given['width'])


PICTURES = {curves: OF_RUNS, costs: OF_RUNS, seeds: OF_RUNS, times: OF_RUNS, filters: OF_A_NET + ('layer',),
            maps: OF_A_NET + ('digit',), mistakes: OF_A_NET, confusion: OF_A_NET}


def main(arguments):
    pictures = {draw.__name__: draw for draw in PICTURES}
    name = arguments[0] if arguments else ''
    if not {'-h', '--help', 'help'} & set(arguments) and name not in pictures:
        raise SettingError('%s: %s' % (name or "''", settings.nearest(name, pictures, 'picture')))
    names = PICTURES[pictures[name]] if name in pictures else DEFAULTS
    given = settings.parse(__doc__, DEFAULTS, {name: RULES[name] for name in names}, arguments[name in pictures:])
    drawing.load_matplotlib()
    os.makedirs(given['results'], exist_ok=True)
    path = given['png'] or os.path.join(given['results'], name + '.png')
    drawing.save(pictures[name](given), path)
    print(path)


if __name__ == '__main__':
    with script.ending():
        main(sys.argv[1:])
