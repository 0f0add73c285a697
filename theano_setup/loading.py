"""Imports Theano between the patches of it that come before and those that come after."""
import contextlib
import importlib
import io
import sys

from theano_setup import environment
from theano_setup.newer import c_code, inc_subtensor, numpy_names, numpy_numbers, python_modules
from theano_setup.patches import (compile_lock, compiled_code, compiler_trials, full_disk, light_import,
                                  precompiled_headers, scan_in_python)

PATCHES = [python_modules, numpy_names, numpy_numbers, c_code, inc_subtensor, light_import, scan_in_python,
           compile_lock, full_disk, compiled_code, compiler_trials, precompiled_headers]


def patches():
    """The patches that this Python and its packages need."""
    return [patch for patch in PATCHES if patch.needed()]


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
