"""The bench as its users run it, on a few minibatches and without peers; how it derives and decides."""
import json
import os
import sys

import numpy as np
import pytest

from conftest import run_script
import bench
import contenders
import machine
import runs
from peers import protocol
from run.settings import SettingError

BENCH = os.path.join('experiments', 'bench.py')
GIVEN = {'part': 1, 'threads': 1, 'repeats': 2, 'flags': ''}
QUICK = ['net=conv16-ds4', 'repeats=1', 'part=5', 'threads=1',
         'data=' + ('mnist' if os.environ.get('MNIST_DIR') else 'drawn')]


def test_figures_have_the_promised_form(tmp_path):
    run = run_script('peers=none', 'json=%s' % (tmp_path / 'figures.json'), 'markdown=%s' % (tmp_path / 'table.md'),
                     *QUICK, script=BENCH)
    assert run.returncode == 0, run.stderr
    figures = json.loads((tmp_path / 'figures.json').read_text())
    assert figures['threads'] == 1 and figures['peak_gflops'] > 1 and figures['peak_one_thread_to_all'] == 1
    assert list(figures['nets']) == ['conv16-ds4']
    seconds = figures['nets']['conv16-ds4']['seconds_per_epoch']
    assert list(seconds) == ['project'] and seconds['project'] > 0
    assert 0 < figures['nets']['conv16-ds4']['checkpoint_share_of_epoch'] < 1
    assert set(figures['nets']['conv16-ds4']['gflops']) == {'conv_forward', 'conv_backward', 'step', 'step_of_winners'}
    text = (tmp_path / 'table.md').read_text()
    assert text in run.stdout and '| conv16-ds4 | 34.0 | %.2f |' % seconds['project'] in text


def test_the_project_alone_is_compiled_for_avx2_where_that_is_asked_for(tmp_path):
    """Start-up, too. Stock Theano, for which nothing is compiled anew, has the processor's own width."""
    compiler, flags = bench.compiler_of('AVX2', str(tmp_path))
    assert machine.vectors(compiler) in ('AVX2', 'no AVX2') and 'cxx=' + compiler in flags
    run = run_script('peers=stock', 'width=AVX2', 'startup=1', 'json=%s' % (tmp_path / 'figures.json'),
                     *QUICK, script=BENCH)
    assert run.returncode == 0, run.stderr
    figures = json.loads((tmp_path / 'figures.json').read_text())
    assert figures['vectors'] == machine.vectors(compiler) and figures['startup_seconds']['warm_cache'] > 0


def test_figures_of_other_nets_stay_if_they_are_of_the_same_settings(tmp_path):
    path = tmp_path / 'figures.json'
    for net, part, data, nets in (
            ('conv16-ds4', 5, 'drawn', ['conv16-ds4']), ('full1000', 5, 'drawn', ['conv16-ds4', 'full1000']),
            ('full1000', 4, 'drawn', ['full1000']), ('conv16-ds4', 4, 'auto', ['conv16-ds4'])):
        run = run_script('peers=none', 'json=%s' % path, 'repeats=1', 'threads=1', 'data=' + data, 'part=%d' % part,
                         'net=' + net, script=BENCH)
        assert run.returncode == 0, run.stderr
        assert list(json.loads(path.read_text())['nets']) == nets


@pytest.mark.parametrize('arguments, words', [
    (['net=conv16-d2'], 'did you mean conv16-ds2?'), (['peers=pytorch'], 'did you mean torch?'),
    (['repeat=3'], 'did you mean repeats?'), (['quick'], 'must be name=value'), (['net='], 'net = : no run or group'),
    (['repeats=0'], 'repeats = 0: must be a whole number from 1 to 1000'), (['threads=many'], 'must be a whole number'),
    (['part=501'], 'part = 501: must be a whole number from 1 to 500'),
    (['json=/no/such/folder/x.json'], 'in a folder that exists')])
def test_wrong_arguments_are_one_line(arguments, words):
    with pytest.raises(SettingError) as error:
        bench.given_settings(arguments)
    assert words in str(error.value) and '\n' not in str(error.value)


def layers_of(name, dataset):
    settings = dict(runs.RUNS[name].settings, data=dataset)
    return contenders.layers_of(runs.prepare(['%s=%s' % item for item in settings.items()])['net'])


def test_sizes_are_those_of_the_article_s_logs_and_of_the_tutorial(small_mnist):
    sizes = {name: [layer['Wshape'][0] for layer in layers_of(name, small_mnist)[1:]]
             for name in [*runs.ARTICLE, 'lenet']}
    assert sizes == {'conv16-ds2': [2304], 'conv64-ds2': [9216], 'conv16-ds4': [576], 'conv64-ds4': [2304],
                     'conv16-ds4-relu': [576], 'conv16-conv16-ds2': [16, 256], 'conv16-conv16-ds4': [16, 16],
                     'conv16-full400': [576, 400], 'lenet': [50, 800, 500]}
    conv1, conv2, softmax = 16 * 25 * 24 * 24, 16 * 16 * 25 * 8 * 8, 256 * 10
    assert contenders.flops(layers_of('conv16-conv16-ds2', small_mnist), 100) == {
        'conv_forward': 200 * (conv1 + conv2), 'conv_backward': 200 * (conv1 + 2 * conv2),
        'step': 200 * (2 * conv1 + 3 * conv2 + 3 * softmax),
        'step_of_winners': 200 * (conv1 * 5 // 4 + conv2 * 6 // 4 + 3 * softmax)}            # one of 2 x 2 wins
    lenet = layers_of('lenet', small_mnist)
    assert [(layer['kind'], layer['afunc'], layer['bias'], layer.get('maps')) for layer in lenet] == [
        ('conv', 'tanh', True, None), ('conv', 'tanh', True, None), ('full', 'tanh', True, [50, 4, 4]),
        ('full', 'softmax', True, None)]


@pytest.fixture
def small_mnist(monkeypatch):
    """A data set of MNIST's shape in the place of any: what its examples show does not matter to sizes."""
    import mnist
    X, t = np.zeros((60, 28, 28), 'uint8'), (np.arange(60) % 10).astype('uint8')
    monkeypatch.setattr(mnist, 'load', lambda data, NL, NV=None: mnist.split([X, t, X, t], 'zeros', 50))
    return 'drawn'


class Pretender:
    """A contender that takes a second for an epoch, in which its minibatches have this mean cost."""

    choice, version = '', 'pretender 1'

    def __init__(self, cost):
        self.answers = {'train': [1., 1., cost], 'layers': [[0.1, 0.2]], 'checkpoint': 0.1}

    def ask(self, word, *arguments):
        return self.answers.get(word)

    def cpu(self):
        return 0.

    def end(self):
        pass


def test_what_learns_something_else_does_not_count(small_mnist, monkeypatch):
    costs = {'project': 0.2, 'torch': 0.204, 'tensorflow': float('nan'), 'jax': 0.17}
    monkeypatch.setattr(bench, 'enter', lambda contender, job: (Pretender(costs[contender]), {}))
    monkeypatch.setattr(bench.Peak, 'measure', lambda self: None)
    prepared, peak = runs.prepare(['data=' + small_mnist, 'batchsize=10']), object.__new__(bench.Peak)
    figures = bench.run_net('conv16-ds4', list(costs), prepared, GIVEN, peak, '')
    assert list(figures['seconds_per_epoch']) == ['project', 'torch']
    assert figures['does_not_learn_the_same'] == ['tensorflow', 'jax']


def test_where_the_project_itself_fails_it_is_one_line(small_mnist, capsys, monkeypatch):
    monkeypatch.setattr(bench, 'enter', lambda contender, job: (None, {}))
    monkeypatch.setattr(bench.Peak, 'measure', lambda self: None)
    prepared, peak = runs.prepare(['data=' + small_mnist, 'batchsize=10']), object.__new__(bench.Peak)
    with pytest.raises(SystemExit) as end:
        bench.run_net('conv16-ds4', ['project'], prepared, GIVEN, peak, '')
    assert end.value.code == 1 and 'conv16-ds4: this project itself does not run' in capsys.readouterr().err


def test_a_worker_that_dies_tells_its_last_words(tmp_path):
    script = tmp_path / 'dies.py'
    script.write_text("import sys\nprint('\"1.0\"', flush=True)\nsys.stdin.readline()\nsys.exit('no memory left')")
    worker = protocol.Worker(sys.executable, str(script), {'choice': '', 'threads': 1})
    assert worker.version == '1.0'
    with pytest.raises(protocol.Failed, match='died: no memory left'):
        worker.ask('cost')
    assert worker.process.poll() is not None and protocol.Worker.running == []


def test_a_worker_that_hangs_is_ended(tmp_path, monkeypatch):
    script = tmp_path / 'hangs.py'
    script.write_text('import time\ntime.sleep(100)')
    monkeypatch.setattr(protocol, 'PATIENCE', 1)
    with pytest.raises(protocol.Failed, match='no answer after 1 s'):
        protocol.Worker(sys.executable, str(script), {'choice': '', 'threads': 1})
    assert protocol.Worker.running == []
