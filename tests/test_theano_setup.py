import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT, run_script

SHOW = ('import theano_setup, theano, os; c = theano.config; '
        'print([c.floatX, c.openmp, c.blas.ldflags, c.allow_gc, os.environ["OMP_NUM_THREADS"], '
        'os.environ["OPENBLAS_NUM_THREADS"]])')
CLEAN = dict.fromkeys(('THEANO_FLAGS', 'THEANORC', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'))


def show(cwd=ROOT, **environment):
    env = {**os.environ, **CLEAN, **environment}
    run = subprocess.run([sys.executable, '-W', 'ignore', '-c', SHOW], cwd=str(cwd), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, universal_newlines=True,
                         env={name: value for name, value in env.items() if value is not None})
    return eval(run.stdout) if run.returncode == 0 else run


def test_defaults_are_float32_openmp_and_scipys_blas():
    import theano_setup
    floatX, openmp, ldflags, allow_gc, omp, blas = show()
    assert (floatX, openmp, allow_gc) == ('float32', True, False)
    assert (omp, blas) == (str(theano_setup.cores()), '1')
    assert 'openblas' in ldflags and '-L' in ldflags


def test_what_the_user_set_wins(tmp_path):
    rc = tmp_path / 'rc'
    rc.write_text('[global]\nfloatX = float64\n[blas]\nldflags = -lmine\n')
    assert show(THEANORC=str(rc), OMP_NUM_THREADS='1')[:5] == ['float64', True, '-lmine', False, '1']
    assert show(THEANORC=str(rc), THEANO_FLAGS='floatX=float32,openmp=False')[:3] == ['float32', False, '-lmine']


@pytest.mark.parametrize('threads', ['', '0', 'many', '99999'])
def test_an_impossible_number_of_threads_is_every_core(threads):
    import theano_setup
    assert show(OMP_NUM_THREADS=threads)[4] == str(theano_setup.cores())


@pytest.mark.parametrize('module', ['nnet', 'convnet', 'fused'])
def test_every_module_can_be_imported_first(module):
    run = subprocess.run([sys.executable, '-c', 'import %s, theano; print(theano.config.floatX, theano.config.openmp)' % module],
                         cwd=ROOT, env={name: value for name, value in os.environ.items() if name not in CLEAN},
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert run.stdout == 'float32 True\n' and run.stderr == ''


def test_no_compiler_is_one_line(tmp_path):
    os.symlink(sys.executable, str(tmp_path / 'python'))
    run = show(PATH=str(tmp_path))
    assert run.returncode == 1 and run.stderr.startswith('no C++ compiler') and run.stderr.count('\n') == 1


def test_doctor_finds_all_well_and_links_scipys_blas():
    run = run_script(script='theano_setup.py', **CLEAN)
    assert run.returncode == 0, run.stdout + run.stderr
    for line in (r'^Python    3\.', r'^BLAS      the one inside SciPy: .*openblas', r'^GEMM      \d+ GFLOP/s',
                 r'^conv2d    differs from SciPy by \d.\de-0[5-9]$', r'^threads   \d+ OpenMP \(on: True\), 1 BLAS'):
        assert re.search(line, run.stdout, re.M), line
    assert run.stdout.endswith('all is well\n')


def test_doctor_names_a_problem_and_its_cure():
    run = run_script(script='theano_setup.py', **{**CLEAN, 'THEANO_FLAGS': 'floatX=float64'})
    assert run.returncode == 1
    assert re.search(r'^PROBLEM   floatX = float64: .*remove it', run.stdout, re.M)


def test_a_theano_function_calls_the_blas_inside_scipy():
    """The libraries of the compiled module, as the loader sees them."""
    if not os.path.exists('/proc/self/maps') or not shutil.which('ldd'):
        pytest.skip('needs /proc and ldd')
    code = ('import theano_setup, theano, theano.tensor as T\n'
            'x = T.fmatrix(); f = theano.function([x], T.dot(x, x))\n'
            'loaded = {line.split()[-1] for line in open("/proc/self/maps")}\n'
            'print("\\n".join(path for path in loaded if path.startswith(theano.config.compiledir)))')
    env = {name: value for name, value in os.environ.items() if name not in CLEAN}
    run = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=ROOT, env=env, stdout=subprocess.PIPE,
                         universal_newlines=True)
    libraries = ''.join(subprocess.run(['ldd', path], stdout=subprocess.PIPE, universal_newlines=True).stdout
                        for path in run.stdout.split())
    assert re.search(r'libopenblas\S* => \S*scipy\.libs', libraries)


def test_a_path_with_spaces_and_japanese(tmp_path):
    """SciPy's wheel under a folder that Theano's flags cannot carry."""
    folder = tmp_path / 'a b 日本'
    folder.mkdir()
    site = os.path.dirname(os.path.dirname(__import__('scipy').__file__))
    for name in os.listdir(site):
        os.symlink(os.path.join(site, name), str(folder / name)) if not name.startswith('scipy') else shutil.copytree(
            os.path.join(site, name), str(folder / name))
    shutil.copy(os.path.join(ROOT, 'theano_setup.py'), str(folder))
    shown = show(cwd=folder, PYTHONPATH=str(folder))
    assert shown[2].startswith('-lopenblas') and ' ' not in shown[2]
    code = 'import theano_setup, theano.tensor as T; print(T.dot(T.ones((3, 4)), T.ones((4, 5))).eval().sum())'
    run = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=str(folder), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, universal_newlines=True,
                         env={**{k: v for k, v in os.environ.items() if k not in CLEAN}, 'PYTHONPATH': str(folder)})
    assert run.stdout == '60.0\n', run.stderr


def test_headers_are_read_once_for_all_processes(tmp_path):
    """By GCC's own word: -H names the headers that it reads, with ! where it takes them precompiled."""
    code = '''if True:
        import sys, theano_setup, theano
        import theano.tensor as T
        from theano.gof import cmodule
        run = cmodule.output_subprocess_Popen
        def tell(command):
            out = run(command + ['-H'])
            if any(word.endswith('mod.cpp') for word in command):
                print(out[1].decode().split('\\n')[0], file=sys.stderr)
            return out
        cmodule.output_subprocess_Popen = tell
        x = T.dvector()
        for f in eval(sys.argv[1]):
            assert theano.function([x], f(x))([0.]) == [1.]'''

    def compiled(functions):
        """For each module of a new process: '! ', headers precompiled; 'x ', not of use; '. ', none."""
        run = subprocess.run([sys.executable, '-c', code, functions], cwd=ROOT, stderr=subprocess.PIPE, universal_newlines=True,
                             env=dict(os.environ, THEANO_FLAGS='base_compiledir=%s' % tmp_path))
        assert run.returncode == 0, run.stderr
        return [line.split('/')[0] for line in run.stderr.split('\n') if line.startswith(('.', '!', 'x'))]

    first = compiled('T.exp, T.cos, T.cosh, lambda x: T.exp(T.sin(x)), lambda x: T.exp(T.tan(x))')
    assert first[:2] == ['. ', '. '] and first.count('! ') >= 2
    second = compiled('lambda x: T.cos(T.sin(x)), lambda x: T.cos(T.tan(x))')
    assert second == ['! '] * 2
    paths = list(tmp_path.glob('*/headers-*.gch'))
    for path in paths:
        os.truncate(str(path), path.stat().st_size // 2)        # GCC takes it, and fails
    assert compiled('[lambda x: T.cosh(T.tan(x))]') == ['! ', '. ']
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
        run = subprocess.run([sys.executable, '-c', 'import theano_setup, theano.tensor as T; print(T.exp(T.zeros(2)).eval())'],
                             cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                             env=dict(os.environ, THEANO_FLAGS='cxx=%s,base_compiledir=%s' % (compiler, tmp_path / 'compiled')))
        assert run.stdout == '[1. 1.]\n' and run.stderr == ''
        assert ('/try_march_' in given.read_text()) == tried


def test_statistics_and_setuptools_are_imported_when_they_are_used():
    code = '''if True:
        import theano_setup, theano.tensor as T, sys
        assert not {'scipy.stats', 'setuptools'} & set(sys.modules)
        p = T.chi2sf(1.5, 3).eval()
        import setuptools, distutils, scipy.stats
        print('setuptools' in distutils.__file__ and abs(p - scipy.stats.chi2.sf(1.5, 3)) < 1e-6)'''
    run = subprocess.run([sys.executable, '-c', code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         universal_newlines=True)
    assert run.stdout == 'True\n' and run.stderr == ''
