"""Imports Theano, and puts right what of it does not work or takes too long here: one file for each fault."""
import contextlib
import importlib
import io
import sys

from theano_setup import environment


def patches():
    """The modules of the patches that this Python and its NumPy need; the others are not even loaded."""
    import numpy as np
    names = []
    if sys.version_info >= (3, 12):
        names += ['newer.python_modules']
    if int(np.__version__.split('.')[0]) >= 2:
        names += ['newer.numpy_names', 'newer.numpy_numbers', 'newer.c_code', 'newer.inc_subtensor',
                  'newer.random_state', 'newer.numpy_types']
    if sys.version_info >= (3, 11):
        names += ['patches.scan_in_python']
    names += ['patches.garbage', 'patches.light_import', 'patches.compile_lock', 'patches.full_disk',
              'patches.compiled_code', 'patches.compiler_trials', 'patches.constants_in_python',
              'patches.same_digits']
    if sys.platform == 'linux':
        names += ['patches.precompiled_headers', 'patches.side_by_side']
    return [importlib.import_module('theano_setup.' + name) for name in names]


def load():
    """Theano, set up and patched. What stops it, such as a wrong value in THEANO_FLAGS, is SystemExit in one line."""
    if 'theano' not in sys.modules:
        environment.set_up()
    printed = io.StringIO()
    with contextlib.ExitStack() as while_importing:
        while_importing.enter_context(contextlib.redirect_stdout(printed))
        for patch in patches():
            if hasattr(patch, 'before_import'):
                while_importing.enter_context(patch.before_import())
        try:
            theano = importlib.import_module('theano')
        except Exception as error:
            text = ' '.join(str(error).split()) or type(error).__name__
            raise SystemExit('Theano cannot be set up: %.500s' % text) from None
    if theano.config.floatX == 'float16':
        raise SystemExit('floatX = float16 in THEANO_FLAGS or .theanorc: must be float32 or float64')
    for patch in patches():
        if hasattr(patch, 'after_import'):
            patch.after_import(theano)
    return theano
