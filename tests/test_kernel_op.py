"""How the C is compiled: once, again where it has changed, and without Python."""
import os
import subprocess
import sys

import pytest
import theano.tensor as T

import fused
from conftest import ROOT
from fused import ConvPool, kernel_op

SCRIPT = """
from theano_setup import theano
import numpy, theano.tensor as T
import fused
X, W = T.tensor4s(2)
f = theano.function([X, W], fused.ConvPool('valid', True, (2, 2), (2, 2), (0, 0), False)(X, W))
assert (f(numpy.ones((1, 1, 4, 4), 'float32'), numpy.ones((1, 1, 3, 3), 'float32')) == 9).all()
"""


def test_compiled_once_for_all_processes(tmp_path):
    """Two processes at once from an empty cache, then a third that finds it all compiled."""
    flags = os.environ.get('THEANO_FLAGS', '') + ',base_compiledir=' + str(tmp_path)
    env = dict(os.environ, THEANO_FLAGS=flags.lstrip(','), PYTHONHASHSEED='random')
    root = os.path.dirname(os.path.dirname(os.path.abspath(fused.__file__)))

    def start():
        return subprocess.Popen([sys.executable, '-W', 'ignore', '-c', SCRIPT], cwd=root, env=env)

    def modules():
        return sorted(str(path) for path in tmp_path.glob('**/*.so'))

    assert [process.wait() for process in [start(), start()]] == [0, 0]
    compiled = modules()
    assert compiled
    assert start().wait() == 0
    assert modules() == compiled


@pytest.mark.parametrize('first', ['fused', 'theano_setup', 'fused.gather', 'fused.kernel_op'])
def test_may_be_imported_first(first):
    code = 'import %s, fused; print(fused.ConvPool.__name__)' % first
    run = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=ROOT, stdout=subprocess.PIPE)
    assert run.returncode == 0 and run.stdout.split() == [b'ConvPool']


def test_a_change_of_the_c_or_of_a_constant_is_another_version(monkeypatch):
    def version(ds=(2, 2)):
        op = ConvPool('valid', True, ds, ds, (0, 0), False)
        return op.c_code_cache_version_apply(op.make_node(*T.tensor4s(2)))

    before = version()
    assert version() == before and version(ds=(3, 3)) != before
    text = kernel_op.c_files()
    assert all(name in text for name in ('conv_tile(', 'grad_w_task(', 'take_rows(', 'PyArray_GETCONTIGUOUS'))
    monkeypatch.setattr(kernel_op, 'c_files', lambda: text + ' ')
    assert version() != before


@pytest.mark.parametrize('program', ['sanitized/conv16-conv16-ds2', 'sanitized/any', 'fast/distorted-second',
                                     'fast/dense'])
def test_kernels_equal_plain_loops_without_python(program):
    """A sample: all are in `make kernels`."""
    command = ['make', '-s', '-C', os.path.join(ROOT, 'fused', 'check'), 'check/' + program]
    run = subprocess.run(command, stdout=subprocess.PIPE)
    assert run.returncode == 0 and b'OK' in run.stdout
