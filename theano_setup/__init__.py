"""Theano, set up for this machine. It is imported from here, and only from here:

    from theano_setup import theano

float32, OpenMP on every core, the BLAS that SciPy's wheel brings. What THEANO_FLAGS, .theanorc, OMP_NUM_THREADS or
OPENBLAS_NUM_THREADS already say is left as it is. What cannot work ends the script in one line, with a cure;
`python -m theano_setup` tells all that is wrong, and what was found.
"""
import sys


def __getattr__(name):
    """theano, at its first use: so that the doctor can look at a machine on which it cannot be imported."""
    if name != 'theano':
        raise AttributeError('module %r has no attribute %r' % (__name__, name))
    try:
        from theano_setup import loading
        globals()['theano'] = loading.load()
    except BaseException as error:
        for module in [module for module in sys.modules if module.split('.')[0] == 'theano']:
            del sys.modules[module]                  # half of it: at a prompt, the next import begins anew
        if not isinstance(error, KeyboardInterrupt):
            raise
        print('stopped by Ctrl-C', file=sys.stderr)
        raise SystemExit(130) from None
    return globals()['theano']
