"""Runs Theano's own tests under pytest: python tests/theano_tests.py ARGUMENTS OF PYTEST.

They are of 2020, written for nose and unittest as these were: what is gone of both has a stand-in here.
"""
import importlib
import inspect
import os
import sys
import types
import unittest

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True


def module(name, **contents):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__dict__.update(contents)


def stand_ins():
    """nose, which Python 3.10 and later cannot import; what NumPy and unittest (in Python 3.12) have lost."""
    np.testing.dec = types.SimpleNamespace(skipif=unittest.skipIf)
    np.float = float
    np.find_common_type = lambda arrays, scalars: np.result_type(*arrays, *scalars)
    case = unittest.TestCase()
    module('nose', __path__=[])
    module('nose.plugins', __path__=[])
    module('nose.plugins.skip', SkipTest=unittest.SkipTest)
    module('nose.plugins.attrib', attr=lambda *_, **__: lambda test: test)
    module('nose.tools', assert_equal=case.assertEqual, assert_equals=case.assertEqual, assert_true=case.assertTrue,
           assert_raises=case.assertRaises, raises=raises)
    for old, new in dict(assert_='assertTrue', assertEquals='assertEqual', failUnless='assertTrue').items():
        if not hasattr(unittest.TestCase, old):
            setattr(unittest.TestCase, old, getattr(unittest.TestCase, new))


def raises(*errors):
    def decorator(test):
        def wrapped(*args):
            with unittest.TestCase().assertRaises(errors):
                test(*args)
        wrapped.__name__ = test.__name__
        return wrapped
    return decorator


def all_in_one(test):
    """A test that runs what the generator `test` yields, (function, argument, ...) each."""
    def wrapped(*args):
        for function, *arguments in test(*args):
            function(*arguments)
    return wrapped


class AsNose:
    """A plugin of pytest, which calls a class's setup() no more since pytest 8, and no test that yields since 4."""

    @staticmethod
    def pytest_pycollect_makeitem(collector, name, obj):
        if inspect.isclass(obj) and not issubclass(obj, unittest.TestCase) and hasattr(obj, 'setup') \
                and not hasattr(obj, 'setup_method'):
            obj.setup_method = lambda self, method: self.setup()
        if inspect.isgeneratorfunction(obj) and name.startswith('test'):
            setattr(collector.obj, name, all_in_one(obj))
            return list(collector._genfunctions(name, getattr(collector.obj, name)))
        return None


if __name__ == '__main__':
    stand_ins()
    import pytest
    from theano_setup import theano
    importlib.import_module('fused')                   # puts its rewrites among Theano's
    root = os.path.dirname(theano.__path__[0])
    sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '--rootdir', root, *sys.argv[1:]], plugins=[AsNose()]))
