"""The hyperparameters of mnist_convnet.py: what each of them may be, and what the article's first run had."""
import os
import sys

import mnist
from nnet import AFUNC
from run.settings import (BOOL, PAIR, POSITIVE_INT, SEED, SettingError, file_named, fits, integers, is_int, is_number,
                          names_from, one_of, parse, typed)

HIDDEN = ('conv', 'conv-conv', 'conv-full', 'full', 'full-full', 'conv-conv-conv', 'conv-conv-full', 'conv-full-full',
          'full-full-full')
FILES = 'checkpoint', 'resume', 'change', 'save'         # what is kept, and not what is learnt
DISTORTIONS = 'shift', 'rotate', 'zoom', 'elastic'
CHANGEABLE = 'eta', 'mu', 'batchsize'                    # at a resume, where change= names them

HIDDEN_AFUNC = one_of(*(name for name in AFUNC if name != 'softmax'))


def is_share(value):
    return is_number(value) and value < 1


def is_rise(value):
    return isinstance(value, tuple) and len(value) == 3 and all(map(is_share, value[:2])) and is_int(value[2])


SHARE = is_share, 'a number of at least 0 and below 1'
LIMIT = is_number, 'a finite number of at least 0 and at most 1e30'
STRIDE = (lambda value: value is None or PAIR[0](value)), PAIR[1] + ', or None'
COUNT = integers(0, 10**9)
PAD = integers(0, 1000)
RULES = {
    'data': (mnist.is_data, "'auto', 'mnist', 'drawn' or a folder of IDX files"),
    'NL': POSITIVE_INT,
    'NV': (lambda value: value is None or COUNT[0](value), COUNT[1] + ', or None'),
    'hidden': one_of(*HIDDEN),
    'W1dim': PAIR, 'W1nch': POSITIVE_INT, 'ds1': PAIR, 'st1': STRIDE, 'pad1': PAD, 'afunc1': HIDDEN_AFUNC,
    'H1': POSITIVE_INT,
    'W2dim': PAIR, 'W2nch': POSITIVE_INT, 'ds2': PAIR, 'st2': STRIDE, 'pad2': PAD, 'afunc2': HIDDEN_AFUNC,
    'H2': POSITIVE_INT,
    'W3dim': PAIR, 'W3nch': POSITIVE_INT, 'ds3': PAIR, 'st3': STRIDE, 'pad3': PAD, 'afunc3': HIDDEN_AFUNC,
    'H3': POSITIVE_INT,
    'withBias': BOOL,
    'Wsigma': (lambda value: value == 'He' or is_number(value),
               "a finite number of at least 0 and at most 1e30, or 'He'"),
    'eta': (lambda value: is_number(value) and value > 0, 'a finite number above 0 and at most 1e30'),
    'mu': (lambda value: is_share(value) or is_rise(value),
           'a number of at least 0 and below 1, or two of them and a number of epochs, such as (0.5,0.99,10)'),
    'schedule': one_of('constant', 'linear', 'cosine'), 'warmup': integers(0, 10**9),
    'batchsize': POSITIVE_INT,
    'nepoch': integers(0, 10**9),
    'interval': POSITIVE_INT,
    'seed': SEED,
    'drop1': SHARE, 'drop2': SHARE, 'drop3': SHARE,
    'decay': LIMIT, 'maxnorm': LIMIT, 'average': SHARE,
    'shift': integers(0, 1000), 'rotate': (lambda value: is_number(value, most=180), 'a number from 0 to 180'),
    'zoom': SHARE, 'elastic': (lambda value: is_number(value, most=1000), 'a number from 0 to 1000'),
    'refine': integers(0, 10**9),
    'checkpoint': file_named('.npz'), 'resume': BOOL,
    'change': (lambda value: value == '' or fits(value, names_from(CHANGEABLE)),
               "'' or names of " + ', '.join(CHANGEABLE)),
    'save': file_named('.npz'),
}

FIRST_RUN = {
    'data': 'auto', 'NL': 50000, 'NV': None,
    'hidden': 'conv', 'withBias': False, 'Wsigma': 0.05,
    'W1dim': (5, 5), 'W1nch': 16, 'ds1': (2, 2), 'st1': None, 'pad1': 0, 'afunc1': 'linear', 'H1': 1000, 'drop1': 0.,
    'W2dim': (5, 5), 'W2nch': 16, 'ds2': (2, 2), 'st2': None, 'pad2': 0, 'afunc2': 'linear', 'H2': 400, 'drop2': 0.,
    'W3dim': (3, 3), 'W3nch': 16, 'ds3': (2, 2), 'st3': None, 'pad3': 0, 'afunc3': 'linear', 'H3': 400, 'drop3': 0.,
    'eta': 0.05, 'mu': 0.8, 'schedule': 'constant', 'warmup': 0, 'batchsize': 100, 'nepoch': 50,
    'interval': 10, 'seed': 0,
    'decay': 0., 'maxnorm': 0., 'average': 0., 'shift': 0, 'rotate': 0., 'zoom': 0., 'elastic': 0., 'refine': 0,
}

OF_KIND = {'conv': ('W%ddim', 'W%dnch', 'ds%d', 'st%d', 'pad%d', 'afunc%d', 'drop%d'),
           'full': ('H%d', 'afunc%d', 'drop%d')}


def from_command_line(doc, namespace, arguments):
    """All hyperparameters: those of the script's namespace, with the arguments, name=value, in their place.

    They are put back into the namespace once all of them are checked; those of layers that are not there are told on
    stderr. Raises SettingError.
    """
    found = parse(doc, namespace, RULES, arguments)
    if found['batchsize'] > found['NL']:
        raise SettingError('batchsize = %d: must be at most NL = %d' % (found['batchsize'], found['NL']))
    if found['resume'] and not found['checkpoint']:
        raise SettingError('resume = True: checkpoint must name the file to resume from')
    if found['save'] and os.path.realpath(found['save']) == os.path.realpath(found['checkpoint'] or os.curdir):
        raise SettingError('save = %r: must be another file than checkpoint' % found['save'])
    for names, reason in not_used(found):
        if names:
            told = ' '.join(typed(name, found[name]) for name in names)
            print('# not used: %s: %s' % (told, reason), file=sys.stderr)
    namespace.update(found)
    return found


def not_used(found):
    """[names of settings, why they change nothing beside the others]."""
    distortions = [name for name in DISTORTIONS if found[name]]
    idle = of_no_layer(found['hidden']) + ['withBias'] * ('conv' not in found['hidden'])
    yield [name for name in idle if found[name] != FIRST_RUN[name]], 'hidden = %r has no such layer' % found['hidden']
    yield ['refine'] * bool(found['refine'] and not distortions), 'no image is distorted'
    yield distortions * (found['refine'] >= found['nepoch'] > 0), 'refine = %(refine)d of nepoch = %(nepoch)d' % found
    yield ['change'] * bool(found['change'] and not found['resume']), 'resume = False'


def of_no_layer(hidden):
    """The settings of layers, in the order of RULES, that none of the hidden layers takes."""
    taken = {name % n for n, kind in enumerate(hidden.split('-'), 1) for name in OF_KIND[kind]}
    known = {name % n for names in OF_KIND.values() for name in names for n in (1, 2, 3)}
    return [name for name in RULES if name in known - taken]


def settings_line(settings):
    """The line of the log that says what was run: every hyperparameter that the article's first run had otherwise."""
    differ = [typed(name, settings[name]) for name, value in FIRST_RUN.items() if settings[name] != value]
    return '# settings: ' + (' '.join(differ) or 'none')
