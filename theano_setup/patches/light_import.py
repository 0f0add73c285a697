"""Importing Theano brings large packages that it hardly uses.

Symptom: `import theano` takes twice as long as it needs to.
Cause: theano.scalar.basic_scipy imports scipy.stats and scipy.special, for a few Ops; products in Python scipy.linalg;
convolution in Python, which is there for tests, scipy.signal; setuptools puts its own distutils, which imports much of
setuptools, in the place of Python's.
Here: the parts of SciPy are imported when they are first used; distutils is Python's own. Afterwards all can be
imported as ever.
Gain: 0.3 s of each start (1.64 s with it, 1.95 s without).
For: Theano 1.0.5, Python 3.8 to 3.11; SciPy's parts, later Pythons too.
"""
import contextlib
import importlib
import sys
import types


class Later(types.ModuleType):
    """A module of functions, each of which imports the real module when it is called."""

    def __init__(self, name, real):
        super().__init__(name)
        self.real = real

    def __getattr__(self, name):
        if name.startswith('__') or name == 'fblas':        # Theano asks whether this one is there: it was, in 2012
            raise AttributeError(name)
        return lambda *args, **kwargs: getattr(importlib.import_module(self.real), name)(*args, **kwargs)


def stand_ins():
    """The modules by their full names."""
    modules = {name: types.ModuleType(name) for name in (
        'scipy.stats', 'scipy.special', 'scipy.signal', 'scipy.linalg')}
    modules['scipy.linalg.blas'] = modules['scipy.linalg'].blas = Later('scipy.linalg.blas', 'scipy.linalg.blas')
    for name in 'signaltools', 'sigtools':
        modules['scipy.signal.' + name] = Later('scipy.signal.' + name, 'scipy.signal._' + name)
    return {name: module for name, module in modules.items() if '.'.join(name.split('.')[:2]) not in sys.modules}


@contextlib.contextmanager
def before_import():
    hack, known = sys.modules.get('_distutils_hack'), set(sys.modules)
    hack = hack if hasattr(hack, 'remove_shim') else None           # from Python 3.12 on there is no distutils to hide
    modules = stand_ins()
    sys.modules.update(modules)
    if hack:
        hack.remove_shim()
    try:
        yield
    finally:
        for name, module in modules.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
        if hack:
            hack.add_shim()
            for name in set(sys.modules) - known:
                if name.split('.')[0] == 'distutils':
                    del sys.modules[name]
