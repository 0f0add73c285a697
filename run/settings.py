"""Hyperparameters given as key=value, and every one of them checked before anything slow starts."""
import ast
import builtins
import contextlib
import difflib
import numbers
import os
import sys

HIDDEN = ('conv', 'conv-conv', 'conv-full', 'full', 'full-full')
AFUNC = ('linear', 'ReLu', 'sigmoid', 'tanh')


def one_line(text):
    """text as a line that can be printed: line feeds, escapes and the like are spelt out."""
    return ''.join(c if c.isprintable() else c.encode('unicode_escape').decode() for c in str(text))


def stop(message, status=2):
    """Ends the script with one line on stderr and an exit status: 2 for a wrong setting.

    In IPython, where nobody asks for the status and another than 0 is shown as a traceback, with 0.
    """
    print(one_line(message), file=sys.stderr)
    sys.exit(0 if hasattr(builtins, 'get_ipython') else status)


def ctrl_c_in_one_line(kind, error, traceback):
    """For sys.excepthook: Ctrl-C, where nothing else sees to it, is a line; other errors are as ever."""
    if issubclass(kind, KeyboardInterrupt):
        print('stopped by Ctrl-C', file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


@contextlib.contextmanager
def named(where):
    """Turns a ValueError inside the block, a layer that cannot be, into one line that says where."""
    try:
        yield
    except ValueError as error:
        stop('%s: %s' % (where, error))


def is_whole(value, least=1, most=10**9):
    """A whole number, also of NumPy; True and False are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and least <= value <= most


def is_number(value, least=0, most=1e30):
    """A number, also of NumPy, that single precision holds with room to reckon."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and bool(least <= value <= most)


def is_pair(value):
    return isinstance(value, tuple) and len(value) == 2 and all(is_whole(v) for v in value)


def is_npz(value):
    """Is it empty, or a name of a file that could be written?"""
    folder = os.path.dirname(os.path.abspath(value))
    return isinstance(value, str) and (not value or value.endswith('.npz') and not os.path.isdir(value)
                                       and os.path.isdir(folder) and os.access(folder, os.W_OK))


COUNT = is_whole, 'a whole number from 1 to 1000000000'
PAIR = is_pair, 'two whole numbers of at least 1, such as (5,5)'
BOOL = lambda v: isinstance(v, bool), 'True or False'  # noqa: E731
NPZ = is_npz, "'' or a file FILE.npz in a folder that exists and can be written"

# For each hyperparameter: is the value allowed? What is?
ALLOWED = {
    'data': (lambda v: v in ('auto', 'mnist', 'drawn') or isinstance(v, str) and os.path.isdir(v),
             "'auto', 'mnist', 'drawn' or a folder of IDX files"),
    'hidden': (lambda v: v in HIDDEN, 'one of ' + ', '.join(HIDDEN)),
    'W1dim': PAIR, 'W1nch': COUNT, 'ds1': PAIR,
    'W2dim': PAIR, 'W2nch': COUNT, 'ds2': PAIR,
    'afunc1': (lambda v: v in AFUNC, 'one of ' + ', '.join(AFUNC)),
    'afunc2': (lambda v: v in AFUNC, 'one of ' + ', '.join(AFUNC)),
    'H1': COUNT, 'H2': COUNT,
    'withBias': BOOL,
    'Wsigma': (is_number, 'a finite number of at least 0 and at most 1e30'),
    'eta': (lambda v: is_number(v) and v > 0, 'a finite number above 0 and at most 1e30'),
    'mu': (lambda v: is_number(v) and v < 1, 'a number of at least 0 and below 1'),
    'batchsize': COUNT,
    'nepoch': (lambda v: is_whole(v, 0), 'a whole number of at least 0'),
    'interval': COUNT,
    'seed': (lambda v: is_whole(v, 0, 2**32 - 1), 'a whole number from 0 to 4294967295'),
    'NL': COUNT,
    'checkpoint': NPZ, 'resume': BOOL, 'save': NPZ,
}


def check(name, value):
    """ValueError unless the hyperparameter of this name may have this value."""
    allowed, words = ALLOWED[name]
    try:
        fits = allowed(value)
    except (TypeError, ValueError, OverflowError):      # an unhashable value, a path with a zero byte, an array
        fits = False
    if not fits:
        raise ValueError('%s = %.200r: must be %s' % (name, value, words))


def check_streams():
    """stderr may be closed, stdout not; both spell out what their encoding does not have, such as a folder's name."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, 'w')              # print() would take stdout instead
    if sys.stdout is None:
        stop('stdout is closed: there is nowhere to print the log', status=141)
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, 'errors', None) == 'strict' and hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')


def override(settings, arguments):
    """Puts the arguments, key=value, into settings, a dictionary such as globals(), checks all and returns them.

    A value is a Python literal, (4,4) or 0.5 or True, or else plain text; nothing is executed.
    Ends the script with one line and exit status 2 at an unknown name or a value that is not allowed.
    """
    sys.excepthook = ctrl_c_in_one_line
    check_streams()
    for argument in arguments:
        name, equals, text = argument.partition('=')
        if not equals or name not in ALLOWED:
            near = difflib.get_close_matches(name, ALLOWED, 1, 0.5) or [
                known for known in ALLOWED if known.lower() == name.lower()]
            stop('%.200s: %s; known are %s' % (
                argument or "''", 'must be name=value' if not equals else
                'no hyperparameter of this name' + (', did you mean %s?' % near[0] if near else ''), ', '.join(ALLOWED)))
        try:
            value = ast.literal_eval(text) if len(text) < 1000 else text    # deep nesting can crash Python's parser
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            value = text
        settings[name] = text if isinstance(settings[name], str) and not isinstance(value, str) else value
    for name in ALLOWED:
        try:
            check(name, settings[name])
        except ValueError as error:
            stop(error)
    if settings['batchsize'] > settings['NL']:
        stop('batchsize = %d exceeds NL = %d' % (settings['batchsize'], settings['NL']))
    if settings['data'] in ('auto', 'mnist', 'drawn') and settings['NL'] > 50000:
        stop('NL = %d: must be at most 50000, MNIST\'s 60000 less 10000 to validate' % settings['NL'])
    if settings['resume'] and not settings['checkpoint']:
        stop('resume = True: checkpoint must name the file to go on from')
    if settings['save'] and settings['save'] == settings['checkpoint']:
        stop("save = '%s': must be another file than checkpoint" % settings['save'])
    return {name: settings[name] for name in ALLOWED}
