"""The runs of the article, and what it printed for them; the same with biases; a few other nets.

A run is a name and the hyperparameters in which it differs from the top of mnist_convnet.py.
"""
import collections
import contextlib
import functools
import io
import os
import runpy
import sys

from paths import HERE, ROOT
from run.settings import SettingError, nearest
import logs

Article = collections.namedtuple('Article', 'train valid test wall')      # errors in %; seconds, None if not given
Run = collections.namedtuple('Run', 'settings article')

BOTH_DS4 = {'ds1': (4, 4), 'ds2': (4, 4)}
RELU = {'ds1': (4, 4), 'afunc1': 'ReLu'}

SETTINGS = {
    'conv16-ds2': {},
    'conv64-ds2': {'W1nch': 64},
    'conv16-ds4': {'ds1': (4, 4)},
    'conv64-ds4': {'W1nch': 64, 'ds1': (4, 4)},
    'conv16-ds4-relu': RELU,
    'conv16-conv16-ds2': {'hidden': 'conv-conv'},
    'conv16-conv16-ds4': dict(BOTH_DS4, hidden='conv-conv'),
    'conv16-full400': dict(RELU, hidden='conv-full', afunc2='ReLu'),
}
PRINTED = {log.run: log for log in logs.read_logs(os.path.join(HERE, 'article.log'))}          # the article's own logs
ARTICLE = {name: Run(settings, Article(*PRINTED[name].test[2:], PRINTED[name].wall_seconds))
           for name, settings in SETTINGS.items()}

# Its author had forgotten the conv layer's biases, added them later, and saw no change.
BIAS = {name + '-bias': Run(dict(run.settings, withBias=True), None) for name, run in ARTICLE.items()}

OTHERS = {
    'full1000': Run({'hidden': 'full', 'afunc1': 'ReLu'}, None),
    'full1000-full400': Run({'hidden': 'full-full', 'afunc1': 'ReLu', 'afunc2': 'ReLu'}, None),
    # Of the DeepLearning 0.1 tutorial, which reports 0.92 %. Its weights begin uniform, with a spread for each layer:
    # 0.12, 0.05, 0.04; those of its softmax layer begin at 0.
    'lenet': Run({'hidden': 'conv-conv-full', 'W1nch': 20, 'W2nch': 50, 'H3': 500, 'afunc1': 'tanh', 'afunc2': 'tanh',
                  'afunc3': 'tanh', 'withBias': True, 'Wsigma': 0.05, 'eta': 0.1, 'mu': 0, 'batchsize': 500,
                  'nepoch': 200}, None),
    # Of Pylearn2's tutorial on convolutional nets, which reports 0.74 % and whose rule stopped after 33 epochs. The
    # weights of its conv layers begin uniform in (-0.05, 0.05), of the same spread, those of its softmax layer with
    # 0.05; its momentum stays at 0.5 for an epoch more, then rises to 0.99 in the same epoch as here; its decay is of
    # the squares, whose gradient is twice as much.
    'pylearn2': Run({'hidden': 'conv-conv', 'W1nch': 64, 'W2nch': 64, 'ds1': (4, 4), 'st1': (2, 2), 'afunc1': 'ReLu',
                     'ds2': (4, 4), 'st2': (2, 2), 'afunc2': 'ReLu', 'withBias': True, 'Wsigma': 0.0289, 'eta': 0.01,
                     'mu': (0.5, 0.99, 10), 'decay': 1e-4, 'maxnorm': 1.9365, 'nepoch': 33}, None),
}

# The best nets that were found: chosen on the validation examples, then trained on all 60000.
BEST = {'W1nch': 32, 'W2nch': 64, 'ds1': (3, 3), 'st1': (2, 2), 'ds2': (3, 3), 'st2': (2, 2), 'afunc1': 'ReLu',
        'afunc2': 'ReLu', 'mu': 0.9, 'schedule': 'linear', 'NL': 60000, 'NV': 0}
FRONTIER = {
    'frontier': Run({'hidden': 'conv-conv-full', 'W1nch': 20, 'W2nch': 40, 'H3': 1000, 'afunc1': 'ReLu',
                     'afunc2': 'ReLu', 'afunc3': 'ReLu', 'drop2': 0.5, 'drop3': 0.5, 'mu': 0.9, 'schedule': 'linear',
                     'NL': 60000, 'NV': 0, 'nepoch': 100}, None),
    'frontier-3layer': Run(dict(BEST, hidden='conv-conv', drop1=0.2, drop2=0.4, nepoch=24), None),
    # The ladder's top.
    'frontier-distorted': Run(dict(BEST, hidden='conv-conv-full', afunc3='ReLu', drop3=0.5, shift=2, rotate=10.,
                                   zoom=0.1, elastic=1., refine=15, nepoch=100), None),
}

# Below 1 % of test errors in a few seconds: see speedrun.py.
SPEEDRUN = {'speedrun': Run({
    'hidden': 'conv-conv', 'W1nch': 16, 'W2nch': 64, 'ds1': (3, 3), 'ds2': (2, 2), 'afunc1': 'ReLu', 'afunc2': 'ReLu',
    'withBias': True, 'Wsigma': 'He', 'eta': 0.1, 'mu': 0.9, 'schedule': 'linear', 'NL': 60000, 'NV': 0,
    'nepoch': 4}, None)}


def without_NV(run):
    """The settings of a run on all 60000 for 50000, and 10000 to validate."""
    return {name: value for name, value in run.settings.items() if name not in ('NL', 'NV')}


# From the article's best net on, one change at a time; 12 epochs, then 36, 100, 200. ladder.py tells what each buys.
RUNGS = {
    'start': dict(SETTINGS['conv16-full400'], nepoch=12),
    'linear': {'schedule': 'linear'},
    'momentum': {'mu': 0.9},
    'he': {'Wsigma': 'He'},
    'bias': {'withBias': True},
    'drop': {'drop2': 0.5},
    'average': {'average': 0.999},
    'decay': {'decay': 5e-4},
    'maxnorm': {'maxnorm': 3.},
    'overlap': {'ds1': (3, 3), 'st1': (2, 2)},
    'conv': {'hidden': 'conv-conv-full', 'W2nch': 32, 'ds2': (3, 3), 'st2': (2, 2), 'drop2': 0., 'afunc3': 'ReLu',
             'drop3': 0.5},
    'he-deeper': {'Wsigma': 'He'},
    'pad': {'pad1': 2, 'pad2': 2},
    'drop-before': {'drop2': 0.5},
    'shift': {'shift': 1},
    'rotate': {'rotate': 10., 'zoom': 0.1},
    'elastic': {'elastic': 1.},
    'longer': {'nepoch': 36},
    'rotate-longer': {'rotate': 10., 'zoom': 0.1},
    'maps': {'W1nch': 32, 'W2nch': 64},
    'longest': {'nepoch': 100},
    'distort-more': {'shift': 2, 'rotate': 10., 'zoom': 0.1},
    'refine': {'refine': 15},
    'refine-longer': {'nepoch': 200, 'refine': 20},
}
# The nets that the ladder does not lead to, as they were chosen on the validation examples, and one change of each.
CHOICES = {
    'frontier': without_NV(FRONTIER['frontier']),
    'frontier-drop3-alone': {'drop2': 0.},
    'frontier-shorter': {'nepoch': 50},
    'frontier-three-conv': {
        'hidden': 'conv-conv-conv', 'W1nch': 32, 'W2nch': 64, 'W3nch': 128, 'ds1': (3, 3), 'st1': (2, 2),
        'ds2': (3, 3), 'st2': (2, 2), 'ds3': (3, 3), 'st3': (2, 2), 'pad2': 2, 'pad3': 1, 'drop1': 0.2, 'drop2': 0.3,
        'nepoch': 36},
    'frontier-3layer': without_NV(FRONTIER['frontier-3layer']),
    'frontier-3layer-drop2-alone': {'drop1': 0.},
    'frontier-3layer-conv-full': {'hidden': 'conv-full'},
    'speedrun': without_NV(SPEEDRUN['speedrun']),
    'speedrun-3-epochs': {'nepoch': 3},
}
STARTS = ['start', 'frontier', 'frontier-3layer', 'speedrun']                 # which stand on no other
# What buys nothing, or too little for its time: the rungs above do without.
NOT_KEPT = ['he', 'bias', 'average', 'decay', 'maxnorm', 'he-deeper', 'pad', 'drop-before', 'rotate', 'rotate-longer',
            'refine-longer'] + [rung for rung in CHOICES if rung not in STARTS]


def ladder():
    """{name: Run} of the rungs: each has the changes of those below it that are kept, too."""
    found, kept = {}, {}
    for rung, change in {**RUNGS, **CHOICES}.items():
        if rung in STARTS:
            kept = {}
        found['ladder-' + rung] = Run({**kept, **change}, None)
        if rung not in NOT_KEPT:
            kept = found['ladder-' + rung].settings
    return found


LADDER = ladder()
RUNS = {**ARTICLE, **BIAS, **OTHERS, **FRONTIER, **SPEEDRUN, **LADDER}
GROUPS = {'article': ARTICLE, 'bias': BIAS, 'others': OTHERS, 'frontiers': FRONTIER, 'ladder': LADDER, 'all': RUNS}


def runs_named(names, setting='runs'):
    """{name: Run} of names of runs and of groups, separated by commas. Raises SettingError."""
    chosen = {}
    for name in names.split(','):
        if name not in GROUPS and name not in RUNS:
            raise SettingError('%s = %s: %s' % (setting, name, nearest(name, [*GROUPS, *RUNS], 'run or group')))
        chosen.update(GROUPS.get(name) or {name: RUNS[name]})
    return chosen


def arguments_of(run):
    """The arguments of mnist_convnet.py for a run."""
    return ['%s=%s' % item for item in run.settings.items()]


def prepare(arguments):
    """What mnist_convnet.py has at hand, by name, where it would train: settings, dataset, net.

    Ends the process with the script's own line where something is wrong.
    """
    import mnist
    import training
    load, train = mnist.load, training.train
    mnist.load, training.train = functools.partial(load_once, load), lambda *_, **__: None
    argv, sys.argv = sys.argv, ['mnist_convnet.py'] + arguments
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            return runpy.run_path(os.path.join(ROOT, 'mnist_convnet.py'), run_name='__main__')
    except SystemExit:
        sys.stderr.write(said.getvalue())
        raise
    finally:
        mnist.load, training.train, sys.argv = load, train, argv


@functools.lru_cache(maxsize=1)
def load_once(load, *arguments, **options):
    return load(*arguments, **options)
