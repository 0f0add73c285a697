"""What the README shows runs as it stands there."""
import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT
from run.saved_nets import load_net


def blocks():
    """The Python blocks of the README."""
    with open(os.path.join(ROOT, 'README.md'), encoding='utf-8') as file:
        return re.findall(r'^```python\n(.*?)^```$', file.read(), re.M | re.S)


def test_the_ideas_in_the_readme_run_one_after_the_other(tmp_path):
    """A layer in a file of its own; in one script a net, a decaying eta, weight decay, an optimiser, after_epoch."""
    first, *others = blocks()
    assert first.startswith('# maxout.py\n') and len(others) == 5
    (tmp_path / 'maxout.py').write_text(first)
    begin, end = 'import sys\nsys.path.insert(0, %r)\n' % ROOT, 'print("norms:", norms)\n'
    (tmp_path / 'ideas.py').write_text(begin + '\n'.join(others) + end)
    run = subprocess.run([sys.executable, 'ideas.py'], cwd=str(tmp_path), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, universal_newlines=True)
    assert run.returncode == 0, run.stderr
    logs = run.stdout.split('### 4-layer\n')[1:]
    assert len(logs) == 5 and all('# MaxoutLayer(D 256 -> H 100, k 2)' in log for log in logs)
    costs = [[float(line.split()[1]) for line in log.split('\n') if re.match(r'\d+ ', line)][:3] for log in logs]
    assert all(cost[2] < cost[0] for cost in costs), costs          # each of them learns
    assert costs[0][0] == pytest.approx(2.30, abs=0.02) and len(set(map(tuple, costs))) == 5
    assert re.search(r'^norms: \[\S+, \S+\]$', run.stdout, re.M)


@pytest.mark.parametrize('line, header', [
    ('layers[1:] = [MaxoutLayer(layers[0].H, 100, 2, Wsigma, rng)]', '### 3-layer\n'),
    ('layers.append(MaxoutLayer(layers[-1].H, 100, 2, Wsigma, rng))', '### 5-layer net\n')])
def test_a_layer_put_into_the_script_is_trained_and_saved(line, header, tmp_path, monkeypatch):
    with open(os.path.join(ROOT, 'README.md'), encoding='utf-8') as file:
        assert line.replace('MaxoutLayer(layers[-1].H, 100, 2, Wsigma, rng)', '...') in file.read()
    (tmp_path / 'maxout.py').write_text(blocks()[0])
    with open(os.path.join(ROOT, 'mnist_convnet.py')) as file:
        script = file.read()
    edited = script.replace('    dataset = ', '    from maxout import MaxoutLayer\n    %s\n    dataset = ' % line)
    (tmp_path / 'edited.py').write_text(edited)
    run = subprocess.run([sys.executable, 'edited.py', 'data=drawn', 'NL=500', 'nepoch=1', 'hidden=conv-full-full',
                          'save=net.npz'], cwd=str(tmp_path), env=dict(os.environ, PYTHONPATH=ROOT),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert run.returncode == 0 and header in run.stdout and '# MaxoutLayer(D ' in run.stdout, run.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    assert 'MaxoutLayer(D ' in repr(load_net(str(tmp_path / 'net.npz')).net)


@pytest.mark.skipif(not os.environ.get('MNIST_DIR'), reason='MNIST_DIR names no folder with MNIST')
def test_the_log_in_the_readmes_is_what_a_run_prints():
    """Its first lines, to epoch 10: from the settings on, as the line before them has the versions."""
    run = subprocess.run([sys.executable, '-W', 'ignore', 'mnist_convnet.py', 'data=mnist', 'nepoch=10'], cwd=ROOT,
                         stdout=subprocess.PIPE, universal_newlines=True, check=True)
    printed = run.stdout[run.stdout.index('### '):run.stdout.index('# NT')]
    assert re.findall(r'^\d+ ', printed, re.M) == ['0 ', '10 ']
    for name in 'README.md', 'README.ja.md':
        with open(os.path.join(ROOT, name), encoding='utf-8') as file:
            assert '\n# settings: none\n' + printed in file.read()
