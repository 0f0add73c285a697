"""Patches that spare time, at a start or in a first run, told from stock Theano."""
import os
import shutil

import pytest

from conftest import ROOT
from helpers_theano import python


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


def test_linking_is_tried_once_for_all_processes(tmp_path):
    """What does not link is tried each time, so that it is found to be mended."""
    compiler, calls, compiled = tmp_path / 'g++', tmp_path / 'calls', tmp_path / 'compiled'
    flags = 'cxx=%s,base_compiledir=%s' % (compiler, compiled)
    compiled.mkdir()
    compiler.write_text('#!/bin/sh\necho "$@" >> "%s"\nexec "%s" "$@"\n' % (calls, shutil.which('g++')))
    compiler.chmod(0o755)
    for n, tries in enumerate((1, 1, 2, 3), 1):
        wrong = ',gcc.cxxflags=-no' if n > 2 else ''
        run = python('-c', 'from theano_setup import theano', THEANO_FLAGS=flags + wrong)
        assert ('must be options that' in run.stderr) == (n > 2)
        assert len([line for line in calls.read_text().splitlines() if '-o /dev/null' in line]) == tries


def test_large_packages_are_imported_when_they_are_used():
    code = '''if True:
        from theano_setup import theano
        import theano.tensor as T, sys
        assert not {'scipy.stats', 'scipy.special', 'scipy.signal', 'scipy.linalg', 'setuptools'} & set(sys.modules)
        p = T.chi2sf(1.5, 3).eval()
        import setuptools, distutils, scipy.stats
        print('setuptools' in distutils.__file__ and abs(p - scipy.stats.chi2.sf(1.5, 3)) < 1e-6)'''
    run = python('-c', code)
    assert run.stdout == 'True\n' and run.stderr == ''


def test_products_and_decompositions_in_python():
    """They are SciPy's, which is not imported before; against NumPy."""
    code = """if True:
        from theano_setup import theano
        import numpy as np, theano.tensor as T
        from theano.tensor.slinalg import cholesky
        A, x = np.array([[4., 1.], [1., 3.]]), np.array([1., 2.])
        a, b = T.dmatrix(), T.dvector()
        f = theano.function([a, b], [T.dot(a, b), a + 2 * T.outer(b, b), cholesky(a)],
                            mode=theano.Mode('py', 'fast_run'))
        ops = {node.op.__class__.__name__ for node in f.maker.fgraph.apply_nodes}
        print(ops >= {'Gemv', 'ScipyGer', 'Cholesky'},
              [np.allclose(*pair) for pair in zip(f(A, x), (A @ x, A + 2 * np.outer(x, x), np.linalg.cholesky(A)))])"""
    run = python('-c', code, THEANO_FLAGS='blas.ldflags=')
    assert run.stdout == 'True [True, True, True]\n', run.stderr


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
