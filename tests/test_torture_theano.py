"""Theano's own tests of pooling, convolution and indexing come out with the rewrites as they do without."""
import collections
import os
import subprocess
import sys
import xml.etree.ElementTree

import pytest

from conftest import ROOT, amount

pytest.importorskip('parameterized')

THEIRS = ['theano.tensor.signal.tests.test_pool', 'theano.tensor.nnet.tests.test_abstract_conv',
          'theano.tensor.tests.test_subtensor']
SAMPLE = ['-k', 'max_pool_2d_2D']
CODE = 'import sys; sys.path.insert(0, %r); import fused, pytest; sys.exit(pytest.main(sys.argv[1:]))' % ROOT


def outcomes(path, flags):
    """{test: passed, failure, error or skipped} of Theano's tests in a process of their own."""
    run = subprocess.run([sys.executable, '-W', 'ignore', '-c', CODE, '-q', '-p', 'no:cacheprovider', '--junitxml', path,
                          *amount(SAMPLE, []), '--pyargs', *amount(THEIRS[:1], THEIRS)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         env=dict(os.environ, THEANO_FLAGS='%s,%s' % (os.environ['THEANO_FLAGS'], flags)))
    assert run.returncode in (0, 1), run.stdout.decode()          # 1: some fail
    found = {}
    for case in xml.etree.ElementTree.parse(path).iter('testcase'):
        children = [child.tag for child in case if child.tag in ('failure', 'error', 'skipped')]
        found[case.get('classname'), case.get('name')] = children[0] if children else 'passed'
    return found


def test_theano_s_own_tests(tmp_path, capsys):
    with_rewrites = outcomes(str(tmp_path / 'on.xml'), '')
    without = outcomes(str(tmp_path / 'off.xml'), 'optimizer_excluding=fused')
    with capsys.disabled():
        print('\n%s' % dict(collections.Counter(with_rewrites.values())))
    assert len(with_rewrites) >= amount(2, 559) and with_rewrites == without
    assert list(with_rewrites.values()).count('passed') >= amount(2, 527)
