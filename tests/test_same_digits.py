"""The same digits on every processor: logs by AVX-512 and by AVX2, and one that is kept; functions beside NumPy's."""
import contextlib
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from theano_setup import theano
import theano.tensor as T

from conftest import ROOT

with open(os.path.join(ROOT, 'tests', 'five_nets.log')) as file:
    KEPT = file.read()
AVX512 = 'AVX512F', 'AVX512CD', 'AVX512_SKX', 'AVX512_CLX', 'AVX512_CNL', 'AVX512_ICL'      # NumPy's names
IS_AVX512 = False
with contextlib.suppress(OSError), open('/proc/cpuinfo') as file:
    IS_AVX512 = ' avx512f ' in file.read()


def five_nets(**environment):
    """(log, the modules that it was computed by) of five_nets.py."""
    run = subprocess.run([sys.executable, '-W', 'ignore', os.path.join(ROOT, 'tests', 'five_nets.py')],
                         env=dict(os.environ, **environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         universal_newlines=True)
    assert run.returncode == 0, run.stderr
    modules = re.findall('^# loaded (.*)$', run.stderr, re.M)
    assert len(modules) > 30
    return run.stdout, modules


def is_wide(module):
    """Whether a compiled module uses vectors of 512 bits."""
    return b'%zmm' in subprocess.run(['objdump', '-d', module], stdout=subprocess.PIPE, check=True).stdout


def test_log_is_the_kept_one():
    log, modules = five_nets()
    assert log == KEPT
    if IS_AVX512 and shutil.which('objdump'):
        assert any(map(is_wide, modules))


@pytest.mark.skipif(not theano.config.cxx.endswith('g++') or not shutil.which('objdump'),
                    reason='no g++, or no objdump')
def test_log_is_the_same_from_avx2_with_one_thread(tmp_path):
    """As compiled for a processor of 2017 without AVX-512; BLAS and NumPy, too, are held to AVX2."""
    compiler = tmp_path / 'g++'
    compiler.write_text('#!/bin/sh\nexec %s "$@" -mno-avx512f -mtune=znver1\n' % shutil.which('g++'))
    compiler.chmod(0o755)
    flags = os.environ.get('THEANO_FLAGS'), 'cxx=%s' % compiler, 'base_compiledir=%s' % (tmp_path / 'avx2')
    log, modules = five_nets(
        THEANO_FLAGS=','.join(filter(None, flags)), OMP_NUM_THREADS='1', OPENBLAS_CORETYPE='Haswell',
        NPY_DISABLE_CPU_FEATURES=' '.join(AVX512) if IS_AVX512 else '')
    assert not any(map(is_wide, modules))
    assert log == KEPT


@pytest.mark.parametrize('dtype, limit', [('float32', 0.51), ('float64', 5)])
def test_functions_are_as_exact_as_they_say(dtype, limit):
    """In units in the last place, beside NumPy in extended precision."""
    rng, limits = np.random.RandomState(0), np.finfo(dtype)
    x = np.concatenate([rng.normal(0, scale, 20000) for scale in (1e-6, 0.1, 1, 10, 100, 700)] + [
        np.exp(rng.uniform(-80, 80, 20000)), [0, -0., 1, -1, np.inf, -np.inf, np.nan, limits.tiny, limits.tiny / 4]])
    x, v = x.astype(dtype), T.vector(dtype=dtype)
    names = 'exp', 'expm1', 'log', 'log1p', 'tanh'
    found = theano.function([v], [getattr(T, name)(v) for name in names])(x)
    for name, y in zip(names, found):
        with np.errstate(all='ignore'):
            exact = getattr(np, name)(x.astype('longdouble'))
            rounded = exact.astype(dtype)
            finite = np.isfinite(rounded)
            errors = abs(y - exact)[finite] / np.spacing(np.maximum(abs(rounded[finite]), limits.tiny))
        assert errors.max() < limit, name
        np.testing.assert_array_equal(y[~finite], rounded[~finite], name)
