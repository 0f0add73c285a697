"""Importing Theano brings two large packages that it hardly uses.

Symptom: `import theano` takes half as long again as it needs to.
Cause: theano.scalar.basic_scipy imports scipy.stats, for two Ops; setuptools puts its own distutils, which imports much
of setuptools, in the place of Python's.
Here: scipy.stats is imported when it is first used, as SciPy itself sees to; distutils is Python's own. Afterwards both
can be imported as ever.
Gain: 0.5 s of each start (2.3 s of CPU time with it, 2.8 s without).
For: Theano 1.0.5, Python 3.8 to 3.11.
"""
import contextlib
import sys
import types


@contextlib.contextmanager
def before_import():
    hack, known = sys.modules.get('_distutils_hack'), set(sys.modules)
    hack = hack if hasattr(hack, 'remove_shim') else None           # from Python 3.12 on there is no distutils to hide
    stats = types.ModuleType('scipy.stats')
    sys.modules.setdefault('scipy.stats', stats)
    if hack:
        hack.remove_shim()
    try:
        yield
    finally:
        if sys.modules.get('scipy.stats') is stats:
            del sys.modules['scipy.stats']
        if hack:
            hack.add_shim()
            for name in set(sys.modules) - known:
                if name.split('.')[0] == 'distutils':
                    del sys.modules[name]
