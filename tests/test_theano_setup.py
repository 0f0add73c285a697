"""Theano's set-up: settings, checks, the doctor, and each patch, told from stock Theano by processes of their own."""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pexpect
import pytest
import theano.tensor as T

from conftest import ROOT
from theano_setup import environment, theano

CLEAN = ('THEANO_FLAGS', 'THEANORC', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS')
SHOW = ('import os; from theano_setup import theano; c = theano.config; '
        'print([c.floatX, c.openmp, c.blas.ldflags, c.allow_gc, os.environ["OMP_NUM_THREADS"], '
        'os.environ["OPENBLAS_NUM_THREADS"]])')


def clean(**changes):
    """The environment without what sets Theano up, with these changes."""
    return {**{name: value for name, value in os.environ.items() if name not in CLEAN}, **changes}


def python(*arguments, cwd=ROOT, **environment):
    """A finished process of Python."""
    return subprocess.run([sys.executable, '-W', 'ignore', *arguments], cwd=str(cwd), env=clean(**environment), timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def show(**environment):
    """The settings that a new process finds."""
    run = python('-c', SHOW, **environment)
    assert run.returncode == 0, run.stderr
    return eval(run.stdout)


# ---- settings

def test_defaults_are_float32_openmp_and_scipys_blas():
    floatX, openmp, ldflags, allow_gc, omp, blas = show()
    assert (floatX, openmp, allow_gc) == ('float32', True, False)
    assert (omp, blas) == (str(environment.cores()), '1')
    assert 'openblas' in ldflags and '-L' in ldflags


def test_what_the_user_set_wins(tmp_path):
    rc = tmp_path / 'rc'
    rc.write_text('[global]\nfloatX = float64\n[blas]\nldflags = -lmine\n')
    assert show(THEANORC=str(rc), OMP_NUM_THREADS='1')[:5] == ['float64', True, '-lmine', False, '1']
    assert show(THEANORC=str(rc), THEANO_FLAGS='floatX=float32,openmp=False')[:3] == ['float32', False, '-lmine']


@pytest.mark.parametrize('threads', ['', '0', 'many', '99999'])
def test_an_impossible_number_of_threads_is_every_core(threads):
    assert show(OMP_NUM_THREADS=threads)[4] == str(environment.cores())


def test_the_compile_folder_is_apart_for_each_python_numpy_and_scipy():
    import scipy
    run = python('-c', 'from theano_setup import theano; print(theano.config.compiledir)')
    for version in sys.version.split()[0], 'numpy' + np.__version__, 'scipy' + scipy.__version__:
        assert '-%s' % version in run.stdout


MODULES = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(ROOT, '*.py')))


@pytest.mark.parametrize('module', [name for name in MODULES if name != 'mnist_convnet'] + ['fused', 'numpy', 'scipy.linalg'])
def test_every_module_can_be_imported_first(module):
    run = python('-c', 'import %s; from theano_setup import theano; print(theano.config.floatX, theano.config.openmp)' % module)
    assert (run.stdout, run.stderr) == ('float32 True\n', '')


# ---- checks and the doctor

def test_the_first_problem_ends_the_import_in_a_line_and_the_doctor_tells_all(tmp_path):
    os.symlink(sys.executable, str(tmp_path / 'python'))
    bad = dict(PATH=str(tmp_path), HOME='/dev/null', THEANO_FLAGS='device=gpu')
    run = python('-c', 'from theano_setup import theano', **bad)
    assert (run.returncode, run.stdout) == (1, '')
    assert run.stderr == 'device = gpu in THEANO_FLAGS or .theanorc: must be cpu, as pygpu is not there\n'
    run = python('-m', 'theano_setup', **bad)
    problems = re.findall('^PROBLEM   (.{10})', run.stdout, re.M)
    assert run.returncode == 1 and problems == ['device = g', 'no C++ com', 'cannot wri']
    assert run.stdout.endswith('3 problem(s)\n')


def test_doctor_finds_all_well_and_links_scipys_blas():
    run = python('-m', 'theano_setup')
    assert run.returncode == 0, run.stdout + run.stderr
    for line in (r'^Python    3\.', r'^BLAS      the one inside SciPy: .*openblas', r'^GEMM      \d+ GFLOP/s',
                 r'^patched   compile_lock: .* Ctrl-C',
                 r'^conv2d    differs from SciPy by \d.\de-0[5-9]$', r'^threads   \d+ OpenMP \(on: True\), 1 BLAS'):
        assert re.search(line, run.stdout, re.M), line
    assert run.stdout.endswith('all is well\n')


def test_doctor_names_a_problem_and_its_cure():
    run = python('-m', 'theano_setup', THEANO_FLAGS='floatX=float64')
    assert run.returncode == 1
    assert re.search(r'^PROBLEM   floatX = float64: .*remove it', run.stdout, re.M)


def test_a_theano_function_calls_the_blas_inside_scipy():
    """The libraries of the compiled module, as the loader sees them."""
    if not os.path.exists('/proc/self/maps') or not shutil.which('ldd'):
        pytest.skip('needs /proc and ldd')
    run = python('-c', 'from theano_setup import theano\n'
                 'import theano.tensor as T\n'
                 'x = T.fmatrix(); f = theano.function([x], T.dot(x, x))\n'
                 'loaded = {line.split()[-1] for line in open("/proc/self/maps")}\n'
                 'print("\\n".join(path for path in loaded if path.startswith(theano.config.compiledir)))')
    libraries = ''.join(subprocess.run(['ldd', path], stdout=subprocess.PIPE, universal_newlines=True).stdout
                        for path in run.stdout.split())
    assert re.search(r'lib\w*openblas\S* => \S*scipy\.libs', libraries)


def test_a_path_with_spaces_and_japanese(tmp_path):
    """SciPy's wheel under a folder that Theano's flags cannot carry."""
    folder = tmp_path / 'a b 日本'
    folder.mkdir()
    site = os.path.dirname(os.path.dirname(__import__('scipy').__file__))
    for name in os.listdir(site):
        if name.startswith('scipy'):
            shutil.copytree(os.path.join(site, name), str(folder / name))
        else:
            os.symlink(os.path.join(site, name), str(folder / name))
    os.symlink(os.path.join(ROOT, 'theano_setup'), str(folder / 'theano_setup'))
    run = python('-c', 'from theano_setup import theano\n'
                 'import theano.tensor as T\n'
                 'print(T.dot(T.ones((3, 4)), T.ones((4, 5))).eval().sum(), theano.config.blas.ldflags)',
                 cwd=folder, PYTHONPATH=str(folder))
    assert re.fullmatch(r'60.0 -l\w*openblas\S*\n', run.stdout), run.stderr


# ---- Ctrl-C

@pytest.mark.parametrize('module', ['theano_setup.environment', 'numpy', 'theano.gof.cc', 'theano.tensor.opt'])
def test_ctrl_c_while_theano_is_imported_is_one_line(module):
    run = subprocess.Popen([sys.executable, '-X', 'importtime', '-c', 'from theano_setup import theano; print("imported")'],
                           cwd=ROOT, env=clean(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    while run.stderr.readline().split('|')[-1].strip() != module:       # until Python says that it is imported
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    err = [line for line in run.stderr.read().splitlines() if not line.startswith('import time:')]
    assert (err, run.stdout.read(), run.wait()) == (['stopped by Ctrl-C'], '', 130)


def test_after_ctrl_c_theano_can_be_imported_again():
    code = '''if True:
        import sys
        class Stop:                                     # Ctrl-C as this module is looked for
            def find_spec(self, name, *_):
                if name == 'theano.tensor.nnet':
                    sys.meta_path.remove(self)
                    raise KeyboardInterrupt
        sys.meta_path.insert(0, Stop())
        try:
            from theano_setup import theano
        except SystemExit as stop:
            print(stop.code)
        from theano_setup import theano
        import theano.tensor as T
        print(T.nnet.relu(T.constant([-1., 1.])).eval())'''
    run = python('-c', code)
    assert (run.stdout, run.stderr) == ('130\n[0. 1.]\n', 'stopped by Ctrl-C\n')


def test_ctrl_c_while_compiling_lets_go_of_the_lock(tmp_path):
    """At a prompt, by a compiler that takes for ever."""
    pytest.importorskip('IPython')
    compiler, slow, home = tmp_path / 'g++', tmp_path / 'slow', tmp_path / 'home'
    compiler.write_text('#!/bin/sh\ncase "$*" in *mod.cpp*) [ -e "%s" ] && echo compiling > /dev/tty && exec sleep 600;; esac\n'
                        'exec "%s" "$@"\n' % (slow, shutil.which('g++') or 'clang++'))
    compiler.chmod(0o755)
    prompt = pexpect.spawn(sys.executable, ['-m', 'IPython', '--simple-prompt', '--no-banner', '--colors=NoColor'], cwd=ROOT,
                           encoding='utf-8', timeout=120,
                           env=clean(THEANO_FLAGS='cxx=%s,base_compiledir=%s' % (compiler, home), IPYTHONDIR=str(tmp_path)))
    prompt.expect(r'In \[1\]: ')
    prompt.sendline('from theano_setup import theano; import theano.tensor as T')
    prompt.expect(r'In \[2\]: ')
    slow.write_text('')
    prompt.sendline('T.exp(T.zeros(2)).eval()')
    prompt.expect('\ncompiling')
    assert list(home.glob('*/lock_dir/lock'))
    prompt.sendintr()
    prompt.expect(r'KeyboardInterrupt[^$]*In \[3\]: ')
    assert not list(home.glob('*/lock_dir'))
    slow.unlink()
    prompt.sendline('T.exp(T.zeros(2)).eval()')
    prompt.expect(r'array\(\[1., 1.\]')
    prompt.sendline('exit')
    prompt.expect(pexpect.EOF)


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
    for tried in (True, True, False):           # the first process tries it within Theano's import, which is out of reach
        given.write_text('')
        run = python('-c', 'from theano_setup import theano\nimport theano.tensor as T\nprint(T.exp(T.zeros(2)).eval())',
                     THEANO_FLAGS='cxx=%s,base_compiledir=%s' % (compiler, tmp_path / 'compiled'))
        assert run.stdout == '[1. 1.]\n' and run.stderr == ''
        assert ('/try_march_' in given.read_text()) == tried


def test_statistics_and_setuptools_are_imported_when_they_are_used():
    code = '''if True:
        from theano_setup import theano
        import theano.tensor as T, sys
        assert not {'scipy.stats', 'setuptools'} & set(sys.modules)
        p = T.chi2sf(1.5, 3).eval()
        import setuptools, distutils, scipy.stats
        print('setuptools' in distutils.__file__ and abs(p - scipy.stats.chi2.sf(1.5, 3)) < 1e-6)'''
    run = python('-c', code)
    assert run.stdout == 'True\n' and run.stderr == ''


# ---- newer Pythons

def test_nothing_for_newer_pythons_is_loaded_where_it_is_not_needed():
    run = python('-c', 'from theano_setup import theano; import sys; print([m for m in sys.modules if "setup.newer." in m])')
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
        assert [str(T.constant(x).dtype) for x in (1, -128, 300, 70000, 2**40)] == ['int8', 'int8', 'int16', 'int32', 'int64']
        assert [str(T.constant(x).dtype) for x in (0.1, 0.5)] == [floatX, 'float32']        # 0.5 loses nothing in single
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
