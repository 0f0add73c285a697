"""Theano's own tests: with the rewrites as without them, and on every Python as its README says."""
import collections
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

import numpy as np
import pytest

from conftest import ROOT, amount

pytest.importorskip('parameterized')

REWRITTEN = ['theano.tensor.signal.tests.test_pool', 'theano.tensor.nnet.tests.test_abstract_conv',
             'theano.tensor.tests.test_subtensor']
OTHERS = ['theano.scalar.tests.test_basic', 'theano.scan_module.tests.test_scan', 'theano.tensor.tests.test_basic',
          'theano.tensor.tests.test_blas', 'theano.tensor.tests.test_elemwise']
SAMPLE = ['-k', 'max_pool_2d_2D']


def outcomes(path, modules, flags=''):
    """{'module.Class.test': passed, failure, error or skipped} of Theano's tests in a process of their own."""
    run = subprocess.run([sys.executable, '-W', 'ignore', os.path.join(ROOT, 'tests', 'theano_tests.py'),
                          '--junitxml', path, *amount(SAMPLE, []), '--pyargs', *modules],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         env=dict(os.environ, THEANO_FLAGS='%s,%s' % (os.environ['THEANO_FLAGS'], flags)))
    assert run.returncode in (0, 1), run.stdout.decode()          # 1: some fail
    found = {}
    for case in xml.etree.ElementTree.parse(path).iter('testcase'):
        children = [child.tag for child in case if child.tag in ('failure', 'error', 'skipped')]
        where = re.sub(r'theano\.|_module|tests\.', '', case.get('classname'))
        found['%s.%s' % (where, case.get('name'))] = children[0] if children else 'passed'
    return found


def known():
    """{test: fails, passes or either, with this NumPy}, of the table in theano_setup/README.md."""
    column = 1 if np.__version__ < '2' else 2
    with open(os.path.join(ROOT, 'theano_setup', 'README.md')) as file:
        rows = [line.strip('| \n').split(' | ') for line in file if '.test_' in line]
    return {row[0].strip('`'): row[column] for row in rows}


def test_the_rewrites_change_no_outcome_and_only_named_tests_fail(tmp_path, capsys):
    modules = amount(REWRITTEN[:1], REWRITTEN)
    with_rewrites = outcomes(str(tmp_path / 'on.xml'), modules)
    without = outcomes(str(tmp_path / 'off.xml'), modules, 'optimizer_excluding=fused')
    others = outcomes(str(tmp_path / 'others.xml'), OTHERS) if amount(False, True) else {}
    with capsys.disabled():
        print('\n%s' % dict(collections.Counter({**with_rewrites, **others}.values())))
    assert len(with_rewrites) >= amount(2, 559) and with_rewrites == without
    failed = {test for test, outcome in {**with_rewrites, **others}.items() if outcome in ('failure', 'error')}
    as_told = amount({}, known())
    either = {test for test in as_told if as_told[test] == 'either'}
    assert failed - either == {test for test in as_told if as_told[test] == 'fails'}
