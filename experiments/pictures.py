"""Draws one of five pictures to a PNG file; matplotlib is needed (`make extras`).

    python experiments/pictures.py curves       training and validation error by epoch: mean and spread over seeds
    python experiments/pictures.py filters      the filters of a net's first layer
    python experiments/pictures.py maps         a test digit's way through the layers: digit=N picks it
    python experiments/pictures.py mistakes     the misclassified test digits
    python experiments/pictures.py times        test error by wall time, with the article's figures

curves and times draw what is in results=FOLDER, or the runs=a,b of it. The others take net=NET.npz, a net saved by
mnist_convnet.py, or else train one for 5 epochs. png=FILE names the picture.
"""
import csv
import difflib
import math
import os
import subprocess
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path[:0] = [ROOT, HERE]
from run import settings as hyperparameters  # noqa: E402
import logs  # noqa: E402
import mnist  # noqa: E402
from datasets import folders  # noqa: E402
from datasets.idx import read_idx  # noqa: E402
from run.settings import stop  # noqa: E402
from runs import ARTICLE, GROUPS, RUNS  # noqa: E402

# settings, each to be given as name=value
results = os.path.join(HERE, 'results')      # logs of the runs in logs/, figures of all trials in trials.csv
png = ''                 # if not given, PICTURE.png in results
runs = ''                # names of runs, separated by commas; if not given, all
net = ''                 # if not given, net.npz in results, trained if it is not there
data = 'auto'            # as in mnist_convnet.py; the test examples are shown
digit = 0                # number of the test example

OPTIONS = {'curves': ['png', 'results', 'runs'], 'filters': ['png', 'results', 'net', 'data'],
           'maps': ['png', 'results', 'net', 'data', 'digit'], 'mistakes': ['png', 'results', 'net', 'data'],
           'times': ['png', 'results', 'runs']}


def nearest(name, known):
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return ', did you mean %s?' % near[0] if near else ', known are %s' % ', '.join(known)


def override(settings, arguments):
    """Puts the picture's name and the arguments, name=value, into settings; ends with one line, status 2, if wrong."""
    if not arguments:
        stop('python experiments/pictures.py %s [name=value ...]' % '|'.join(OPTIONS))
    settings['picture'] = picture = arguments[0]
    if picture not in OPTIONS:
        stop('%s: no such picture%s' % (picture, nearest(picture, OPTIONS)))
    for argument in arguments[1:]:
        name, equals, value = argument.partition('=')
        if not equals or name not in OPTIONS[picture]:
            stop('%s: %s%s' % (argument, '%s takes no %s' % (picture, name) if equals else 'must be name=value',
                               nearest(name, OPTIONS[picture])))
        if name == 'digit' and not value.isdecimal():
            stop('digit = %s: must be a whole number of at least 0' % value)
        settings[name] = int(value) if name == 'digit' else value
    own = os.path.join(HERE, 'results')      # is made where it is missing; others are not
    if settings['results'] != own and not os.path.isdir(settings['results']):
        stop('results = %s: no such folder' % settings['results'])
    settings['png'] = settings['png'] or os.path.join(settings['results'], picture + '.png')
    folder = os.path.dirname(os.path.abspath(settings['png']))
    if os.path.isdir(settings['png']) or folder != own and not os.path.isdir(folder):
        stop('png = %s: must be a file in a folder that is there' % settings['png'])
    if settings['net'] and not os.path.isfile(settings['net']):
        stop('net = %s: no such file' % settings['net'])
    allowed, words = hyperparameters.ALLOWED['data']
    if not allowed(settings['data']):
        stop('data = %s: must be %s' % (settings['data'], words))


if __name__ == '__main__':
    override(globals(), sys.argv[1:])        # before anything slow
try:
    import error_figures
    import net_figures
except ImportError as error:
    stop('no matplotlib (%s): `make extras` adds it' % error)


def chosen(found, where):
    """Of the names of runs found, those of runs=a,b, in that order; if not given, all, in the order of runs.py."""
    if not runs:
        return [name for name in RUNS if name in found] + [name for name in found if name not in RUNS]
    names = []
    for word in runs.split(','):
        if word not in found and word not in GROUPS:
            stop('runs = %s: no such run in %s%s' % (word, where, nearest(word, list(found) + list(GROUPS))))
        names += [word] if word in found else [name for name in GROUPS[word] if name in found]
    if not names:
        stop('runs = %s: none of them is in %s yet; there are %s' % (runs, where, ', '.join(found)))
    return list(dict.fromkeys(names))


def curves():
    try:
        found = dict(logs.groups([os.path.join(results, 'logs')]))
    except logs.LogError as error:
        stop('%s; experiments/trials.py writes logs' % error)
    return error_figures.curves_figure([(name, found[name]) for name in chosen(found, results)])


def times():
    rows = read_trials(os.path.join(results, 'trials.csv'))
    names = chosen(dict.fromkeys(row['run'] for row in rows), results)
    changed = {row['run'] for row in rows if row['changed']}
    return error_figures.times_figure([row for name in names for row in rows if row['run'] == name],
                                      {name: run.article for name, run in ARTICLE.items() if name not in changed})


def read_trials(path):
    """Run, test_error (None if it diverged), wall_seconds and changed settings of each trial."""
    try:
        with open(path, newline='', encoding='utf-8') as file:
            rows = [dict(run=row['run'], test_error=None if row.get('diverged') else float(row['test_error']),
                         wall_seconds=float(row['wall_seconds']), changed=row.get('changed')) for row in csv.DictReader(file)]
    except OSError as error:
        stop('%s: %s; experiments/trials.py writes it' % (path, error.strerror))
    except (KeyError, TypeError, ValueError, csv.Error):
        rows = None
    if rows is None or not all(0 <= (row['test_error'] or 0) <= 100 and 0 < row['wall_seconds'] < math.inf for row in rows):
        stop('%s: must have columns run, test_error (in %%) and wall_seconds (above 0)' % path)
    if not any(row['test_error'] is not None for row in rows):
        stop('%s: has no trials with a test error' % path)
    return rows


def saved_net():
    """The net of net=FILE, or else one trained here and kept, as saving.load_net gives it."""
    from run import saving
    path = net or os.path.join(results, 'net.npz')
    if not os.path.exists(path):
        print('# training a net for 5 epochs, to be kept in %s' % path, file=sys.stderr, flush=True)
        arguments = ['data=' + data, 'nepoch=5', 'ds1=(4,4)', 'save=' + path]
        if data not in ('auto', 'mnist', 'drawn'):           # a folder may have fewer than 50000 examples to train
            N = read_idx(folders.find(data)[0], header_only=True)[0]
            arguments.append('NL=%d' % min(N - N // 6, 50000))
        script = os.path.join(ROOT, 'mnist_convnet.py')
        run = subprocess.run([sys.executable, script] + arguments, stdout=subprocess.DEVNULL)
        if run.returncode != 0:
            sys.exit(run.returncode)                         # it has said why
    try:
        return saving.load_net(path)
    except saving.SavingError as error:
        stop(error)


def examples(saved):
    """Of the test examples: images of pixels / 255, labels, what the saved net takes as X, words on the data."""
    shape = mnist.image_size(data)
    if shape != saved.mean.shape:
        stop('data = %s: images (Xnch, Xrow, Xcol) are %s, the net takes %s' % (data, shape, saved.mean.shape))
    loaded = mnist.load(data, NL=1)                          # what is there to train on does not matter
    if loaded.K != saved.K:
        stop('data = %s: has K = %d classes, the net %d' % (data, loaded.K, saved.K))
    if loaded.source != saved.source:
        print('# the net was trained on %s, the examples are from %s' % (saved.source, loaded.source), file=sys.stderr)
    X = np.rint(255 * (loaded.XT + loaded.mean)).astype('float32') / 255
    return X, loaded.tT, X - saved.mean.astype('float32'), loaded.source


def compiled(layers):
    """A function of images X (N, Xnch, Xrow, Xcol) that returns the outputs of all the layers."""
    import theano
    import theano.tensor as T
    import fused  # noqa: F401  Ops that training has compiled already
    outputs = [T.tensor4('X')]
    for layer in layers:
        outputs.append(layer.output(outputs[-1]))
    return theano.function(outputs[:1], outputs[1:])


def filters():
    saved = saved_net()
    W = saved.net.layers[0].W.get_value()
    if W.ndim == 2:                                          # fully connected: the weights of each unit are an image
        return net_figures.filters_figure(W.T.reshape((-1,) + saved.mean.shape), conv=False)
    return net_figures.filters_figure(W)


def maps():
    saved = saved_net()
    images, t, X, source = examples(saved)
    if digit >= len(t):
        stop('digit = %d: must be from 0 to %d' % (digit, len(t) - 1))
    *outputs, p = compiled(saved.net.layers)(X[digit:digit + 1])
    layers = [(layer.afunc, Z[0]) for layer, Z in zip(saved.net.layers, outputs)]
    return net_figures.maps_figure(images[digit], t[digit], layers, p[0], 'test example %d (%s), ' % (digit, source))


def mistakes():
    saved = saved_net()
    images, t, X, source = examples(saved)
    output = compiled(saved.net.layers)
    p = np.concatenate([output(X[start:start + 1000])[-1] for start in range(0, len(X), 1000)])
    return net_figures.mistakes_figure(images, t, p, ' (%s)' % source)


if __name__ == '__main__':
    draw = {'curves': curves, 'filters': filters, 'maps': maps, 'mistakes': mistakes, 'times': times}[picture]
    try:
        os.makedirs(results, exist_ok=True)
        draw().savefig(png, format='png')                    # whatever the file's name is
        print(png)
    except mnist.DataError as error:
        stop(error)
    except OSError as error:
        stop('%s: %s' % (error.filename or png, error.strerror))
    except KeyboardInterrupt:
        stop('stopped by Ctrl-C', 130)
