"""Modules that Theano imports and Python has no more.

Missing: distutils, numpy.distutils, imp; since Python 3.12.
Here: modules of the few functions that Theano calls. Theano's modules keep those of distutils; nobody else sees them.
"""
import contextlib
import importlib.util
import shutil
import sys
import sysconfig
import types
import warnings

import numpy


def get_python_inc(plat_specific=False):
    return sysconfig.get_path('platinclude' if plat_specific else 'include')


def get_python_lib(plat_specific=False, standard_lib=False):
    return sysconfig.get_path('stdlib' if standard_lib else 'platlib' if plat_specific else 'purelib')


def get_numpy_include_dirs():
    return [numpy.get_include()]


def find_module(name):
    """As imp has it: ImportError where there is no such module."""
    if importlib.util.find_spec(name) is None:
        raise ImportError('No module named %r' % name, name=name)


def module(name, **contents):
    new = types.ModuleType(name)
    new.__dict__.update(contents)
    new.__path__ = []                                  # so that its parts can be imported
    return new


def stand_ins():
    """The modules by their full names."""
    parts = {
        'distutils.sysconfig': module(
            'distutils.sysconfig', get_config_var=sysconfig.get_config_var, get_python_inc=get_python_inc,
            get_python_lib=get_python_lib, get_python_version=sysconfig.get_python_version,
            get_config_h_filename=sysconfig.get_config_h_filename),
        'distutils.spawn': module('distutils.spawn', find_executable=shutil.which),
        'numpy.distutils.misc_util': module('numpy.distutils.misc_util', get_numpy_include_dirs=get_numpy_include_dirs),
    }
    distutils = module('distutils', sysconfig=parts['distutils.sysconfig'], spawn=parts['distutils.spawn'])
    numpy_distutils = module('numpy.distutils', misc_util=parts['numpy.distutils.misc_util'])
    imp = module('imp', find_module=find_module)
    return {'distutils': distutils, 'numpy.distutils': numpy_distutils, **parts, 'imp': imp}


@contextlib.contextmanager
def before_import():
    modules = stand_ins()
    warnings.filterwarnings('ignore', 'pkg_resources is deprecated', UserWarning)      # scan imports it, with gpuarray
    numpy.distutils = modules['numpy.distutils']
    known = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
        # scan, hessians and DebugMode import it when they are used.
        importlib.import_module('theano.tests.breakpoint')
    finally:
        for name, before in known.items():
            if before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before
