"""Each patch of Theano, and what stands in for what newer Pythons lack, told from stock Theano."""
import os
import shutil
import sys

import numpy as np
import pytest
import theano.tensor as T

from conftest import ROOT
from helpers_theano import python
from theano_setup import theano


# ---- the lock

@pytest.fixture
def lock_folder():
    path = os.path.join(theano.config.compiledir, 'lock_dir')
    assert not os.path.exists(path)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_an_error_while_compiling_lets_go_of_the_lock(lock_folder):
    class Nonsense(theano.Op):
        def make_node(self, x):
            return theano.Apply(self, [x], [x.type()])

        def c_code(self, *_):
            return 'this is no C;'

    with pytest.raises(Exception, match='Compilation failed'):
        theano.function([], Nonsense()(T.constant([1.])), mode=theano.Mode('c', None))
    assert not os.path.exists(lock_folder)


def test_a_lock_half_taken_is_let_go_of(lock_folder, monkeypatch):
    from theano.gof import compilelock

    def refresh_lock(path):
        assert os.path.isdir(lock_folder)
        raise KeyboardInterrupt
    monkeypatch.setattr(compilelock, 'refresh_lock', refresh_lock)
    with pytest.raises(KeyboardInterrupt):
        with compilelock.lock_ctx():
            pass
    assert not os.path.exists(lock_folder)


def test_ctrl_c_while_waiting_leaves_the_lock_of_another_process(lock_folder, monkeypatch):
    from theano.gof import compilelock

    def sleep(seconds):
        raise KeyboardInterrupt
    os.mkdir(lock_folder)
    with open(os.path.join(lock_folder, 'lock'), 'w') as file:
        file.write('%d_1_%s\n' % (os.getppid(), compilelock.hostname))
    monkeypatch.setattr(compilelock.time, 'sleep', sleep)
    with pytest.raises(KeyboardInterrupt):
        with compilelock.lock_ctx():
            pass
    assert os.path.exists(os.path.join(lock_folder, 'lock'))


# ---- what of Theano the project itself does not use

def test_scan():
    A, k = T.dvector(), T.iscalar()
    powers, updates = theano.scan(lambda power, A: power * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k)
    f = theano.function([A, k], [powers, theano.grad(powers[-1].sum(), A)], updates=updates)
    x = np.array([0.5, 2, 3])
    values, gradient = f(x, 4)
    np.testing.assert_allclose(values, x ** np.arange(1, 5)[:, None])
    np.testing.assert_allclose(gradient, 4 * x ** 3)


def test_hessian_and_jacobian():
    x = T.dvector()
    y = (x ** 3).sum() + x[0] * x[1]
    H, J = theano.function([x], [theano.gradient.hessian(y, x), theano.gradient.jacobian(x ** 2, x)])([1., 2., 3.])
    np.testing.assert_allclose(H, [[6, 1, 0], [1, 12, 0], [0, 0, 18]])
    np.testing.assert_allclose(J, np.diag([2, 4, 6]))


def test_printing(capsys, tmp_path):
    x = T.dscalar('x')
    f = theano.function([x], 2 * theano.printing.Print('x is')(x))
    assert f(3) == 6 and capsys.readouterr().out == 'x is __str__ = 3.0\n'
    text = theano.printing.debugprint(f, file='str')
    assert 'Elemwise{mul' in text and 'Print{message=\'x is\'' in text
    assert theano.printing.pprint(x + 1) == '(x + TensorConstant{1})'
    if theano.printing.pydot_imported:
        theano.printing.pydotprint(f, outfile=str(tmp_path / 'graph.png'))
        assert (tmp_path / 'graph.png').stat().st_size


def test_debug_mode():
    x = T.dmatrix()
    f = theano.function([x], T.exp(T.dot(x, x.T)).sum(axis=0), mode='DebugMode')
    X = np.arange(6.).reshape(2, 3) / 10
    np.testing.assert_allclose(f(X), np.exp(X @ X.T).sum(axis=0))


# ---- what spares time

def test_code_with_a_version_of_its_own_is_compiled_once_for_all_processes(tmp_path):
    """CorrMM (a COp) and Dot22 (of empty __props__): the second process adds no module."""
    code = '''if True:
        from theano_setup import theano
        import theano.tensor as T
        x, y = T.tensor4(), T.fmatrix()
        theano.function([x, y], [T.nnet.conv2d(x, x), T.dot(y, y)])'''
    modules = []
    for _ in range(2):
        run = python('-c', code, THEANO_FLAGS='base_compiledir=%s' % tmp_path)
        assert run.returncode == 0, run.stderr
        modules.append({path.parent for path in tmp_path.glob('*/tmp*/*.so')})
    assert modules[0] == modules[1] != set()


def test_copies_of_the_project_share_what_is_compiled(tmp_path):
    """Modules of one name and another content would be a warning for ever after."""
    code = 'from theano_setup import theano; import theano.tensor as T; print(T.exp(T.zeros(2)).eval())'
    sources = []
    for name in 'one', 'two':
        shutil.copytree(os.path.join(ROOT, 'theano_setup'), str(tmp_path / name / 'theano_setup'))
        run = python('-c', code, cwd=tmp_path / name, THEANO_FLAGS='base_compiledir=%s' % (tmp_path / 'compiled'))
        assert (run.stdout, run.stderr) == ('[1. 1.]\n', '')
        sources.append({path: path.read_text() for path in (tmp_path / 'compiled').glob('*/tmp*/mod.cpp')})
    assert sources[0] == sources[1] != {}
    assert not [path for path, text in sources[0].items() if str(tmp_path / 'one') in text]


def test_constants_are_moved_about_without_a_compiler(tmp_path):
    code = '''if True:
        from theano_setup import theano
        import numpy as np, theano.tensor as T
        x = T.constant(np.array([1, 2, 3], 'float32'))
        print(theano.function([], x[T.constant(1)].dimshuffle('x', 'x'))())'''
    run = python('-c', code, THEANO_FLAGS='base_compiledir=%s' % tmp_path)
    assert run.stdout == '[[2.]]\n', run.stderr
    assert len(list(tmp_path.glob('*/tmp*'))) == 1              # what copies the output


def test_headers_are_read_once_for_all_processes(tmp_path):
    """By GCC's own word: -H names the headers that it reads, with ! where it takes them precompiled."""
    compiler, said = tmp_path / 'g++', tmp_path / 'said'
    compiler.write_text('#!/bin/sh\ncase "$*" in *mod.cpp*) ;; *) exec "%s" "$@";; esac\n'
                        '"%s" -H "$@" 2> "%s.$$"; status=$?; head -n 1 "%s.$$" >> "%s"; exit $status\n' % (
                            (shutil.which('g++'),) * 2 + (said,) * 3))
    compiler.chmod(0o755)
    code = '''if True:
        import sys
        from theano_setup import theano
        import theano.tensor as T
        x = T.dvector()
        for f in eval(sys.argv[1]):
            assert theano.function([x], f(x))([0.]) == [1.]'''

    def compiled(functions):
        """For each module of a new process: '! ', headers precompiled; 'x ', not of use; '. ', none."""
        said.write_text('')
        run = python('-c', code, functions, THEANO_FLAGS='cxx=%s,base_compiledir=%s' % (compiler, tmp_path))
        assert run.returncode == 0, run.stderr
        return [line.split('/')[0] for line in said.read_text().split('\n') if line]

    first = compiled('T.exp, T.cos, T.cosh, lambda x: T.exp(T.sin(x)), lambda x: T.exp(T.tan(x))')
    assert first[:2] == ['. ', '. '] and first.count('! ') >= 2
    second = compiled('lambda x: T.cos(T.sin(x)), lambda x: T.cos(T.tan(x))')
    assert second == ['! '] * 2
    paths = list(tmp_path.glob('*/headers-*.gch'))
    for path in paths:
        os.truncate(str(path), path.stat().st_size // 2)        # GCC takes it, and fails
    assert compiled('[lambda x: T.cosh(T.tan(x))]') == ['! ', '! ', '. ']
    assert sum(not path.exists() for path in paths) == 1        # nobody else has the trouble
    for path in paths:
        path.write_bytes(b'damaged')
    assert compiled('[lambda x: T.cosh(T.sin(x))]') == ['x ']


def test_the_compiler_is_tried_once_for_all_processes(tmp_path):
    """By a compiler that writes down what it is given."""
    compiler, given = tmp_path / 'g++', tmp_path / 'given'
    compiler.write_text('#!/bin/sh\necho "$@" >> "%s"\nexec "%s" "$@"\n' % (given, shutil.which('g++') or 'clang++'))
    compiler.chmod(0o755)
    for tried in (True, True, False):           # the first process tries it within Theano's import, out of reach
        given.write_text('')
        code = 'from theano_setup import theano; import theano.tensor as T; print(T.exp(T.zeros(2)).eval())'
        run = python('-c', code, THEANO_FLAGS='cxx=%s,base_compiledir=%s' % (compiler, tmp_path / 'compiled'))
        assert run.stdout == '[1. 1.]\n' and run.stderr == ''
        assert ('/try_march_' in given.read_text()) == tried


def test_large_packages_are_imported_when_they_are_used():
    code = '''if True:
        from theano_setup import theano
        import theano.tensor as T, sys
        assert not {'scipy.stats', 'scipy.special', 'scipy.signal', 'setuptools'} & set(sys.modules)
        p = T.chi2sf(1.5, 3).eval()
        import setuptools, distutils, scipy.stats
        print('setuptools' in distutils.__file__ and abs(p - scipy.stats.chi2.sf(1.5, 3)) < 1e-6)'''
    run = python('-c', code)
    assert run.stdout == 'True\n' and run.stderr == ''


def test_convolution_in_python():
    """It is SciPy's, which is not imported before."""
    code = '''if True:
        import numpy as np
        from theano_setup import theano
        import theano.tensor as T
        X, W = np.arange(48.).reshape(1, 1, 6, 8), np.arange(6.).reshape(1, 1, 2, 3)
        Y = T.nnet.conv2d(T.dtensor4('X'), T.dtensor4('W'))
        inputs = theano.gof.graph.inputs([Y])
        found = theano.function(inputs, Y, mode=theano.Mode('py', None))(X, W)[0, 0]
        import scipy.signal
        print(abs(found - scipy.signal.convolve2d(X[0, 0], W[0, 0], 'valid')).max())'''
    run = python('-c', code)
    assert run.stdout == '0.0\n', run.stderr


@pytest.mark.parametrize('before', ['', 'gc.disable()'])
def test_the_garbage_collector_waits_for_theano(before):
    """By its own count of collections; afterwards it is on, or off, as it was."""
    code = '''if True:
        import gc, sys
        %s
        import numpy
        enabled = gc.isenabled()
        collections = lambda: sum(generation['collections'] for generation in gc.get_stats()[1:])
        def during(f):
            first = collections()
            f()
            return collections() - first
        def load():
            from theano_setup import theano
        def compile():
            import theano
            import theano.tensor as T
            x = T.dvector()
            assert theano.function([x], theano.grad(T.exp(x).sum(), x))([0.]) == [1.]
        print(during(load) < 3, gc.get_freeze_count() > 50000, during(compile) < 2, gc.isenabled() == enabled)'''
    run = python('-c', code % before)
    assert run.stdout == 'True True True True\n', run.stdout + run.stderr


# ---- newer Pythons

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
