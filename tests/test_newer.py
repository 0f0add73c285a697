"""What stands in for what newer Pythons and NumPys lack."""
import sys

import numpy as np
import pytest
import theano.tensor as T

from helpers_theano import python
from theano_setup import theano


def test_nothing_for_newer_pythons_is_loaded_where_it_is_not_needed():
    code = 'from theano_setup import theano; import sys; print([m for m in sys.modules if "setup.newer." in m])'
    run = python('-c', code)
    assert ('python_modules' in run.stdout) == (sys.version_info >= (3, 12))
    assert ('numpy_names' in run.stdout) == (np.__version__.split('.')[0] >= '2')
    assert run.stdout == '[]\n' or sys.version_info >= (3, 12)


def test_modules_that_python_lost_are_seen_by_theano_alone():
    """After the import, what `import distutils` and `import imp` bring is as without Theano."""
    code = '''if True:
        import importlib, sys
        def found():
            for name in 'distutils', 'imp', 'numpy.distutils':
                try:
                    yield getattr(importlib.import_module(name), '__file__', None)
                except ImportError:
                    yield None
        if sys.argv[1] == 'theano':
            from theano_setup import theano
        print(list(found()))'''
    assert python('-c', code, 'theano').stdout == python('-c', code, '').stdout != ''


@pytest.mark.parametrize('floatX', ['float32', 'float64'])
def test_types_of_constants(floatX):
    """With every NumPy, an integer takes the least type that holds it, a float that which loses nothing, or floatX."""
    with theano.change_flags(floatX=floatX):
        types = [str(T.constant(x).dtype) for x in (1, -128, 300, 70000, 2**40, 0.1, 0.5)]
        assert types == ['int8', 'int8', 'int16', 'int32', 'int64', floatX, 'float32']    # 0.5 loses nothing
        assert str((T.bvector() + 300).dtype) == 'int16'
        assert theano._asarray(300, 'int8') == 44


def test_gradients_that_name_types_of_theano():
    """Of functions whose derivatives have constants in them, against finite differences."""
    for function in T.exp2, T.arcsin, T.arccos, T.arctan, T.arctanh, T.arcsinh, T.deg2rad, T.rad2deg:
        theano.gradient.verify_grad(function, [np.array([0.1, 0.5])], rng=np.random, mode='FAST_COMPILE')
    for function in T.arccosh, lambda x: T.ceil_intdiv(T.cast(7 * x, 'int64'), np.int64(2)) * x:
        theano.gradient.verify_grad(function, [np.array([1.2, 2.1])], rng=np.random, mode='FAST_COMPILE')


def test_reciprocal_without_c():
    """1 / x in double precision, of real and of complex numbers."""
    for x in np.array([0.3, 7.]), np.array([0.3 + 2j, 7.]):
        X = T.TensorType(str(x.dtype), (False,))('X')
        found = theano.function([X], T.inv(X), mode='FAST_COMPILE')(x)
        np.testing.assert_allclose(found, 1 / x, rtol=1e-15)


def test_c_code_that_newer_numpys_would_not_compile():
    """No axis, sizes of elements, complex numbers, rows named twice: against NumPy."""
    X, Z, index = T.dmatrix(), T.zmatrix(), T.lvector()
    f = theano.function([X, Z, index], [
        T.cumsum(X), T.cumsum(X, axis=1), T.argmax(X), X.dimshuffle(1, 'x', 0), Z * Z + 1,
        T.inc_subtensor(X[index], 1.), T.set_subtensor(X[index], 1.)])
    x, z, i = np.arange(6.).reshape(2, 3), np.array([[1 + 2j, 3 - 1j]]), np.array([1, 1])
    increased, replaced = x.copy(), x.copy()
    np.add.at(increased, i, 1)
    replaced[i] = 1
    expected = [x.cumsum(), x.cumsum(axis=1), x.argmax(), x.T[:, None], z * z + 1, increased, replaced]
    for found, wanted in zip(f(x, z, i), expected):
        np.testing.assert_array_equal(found, wanted)


def test_random_numbers_without_updates_leave_their_generator_alone():
    """Twice the same, those that NumPy draws from the same state."""
    random = T.shared_randomstreams.RandomStreams(1)
    drawn = random.uniform((3,), dtype='float64')
    f = theano.function([], drawn, no_default_updates=True)
    numpys = np.random.RandomState()
    numpys.set_state(random.state_updates[0][0].get_value().get_state())
    expected = numpys.rand(3)
    for _ in range(2):
        np.testing.assert_array_equal(f(), expected)
