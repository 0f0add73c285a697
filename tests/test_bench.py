"""The bench as its users run it, on a few minibatches of drawn digits and without peers; how it derives and decides."""
import json
import os
import sys

import pytest

from conftest import ROOT, run_script

BENCH = os.path.join('experiments', 'bench.py')
sys.path.insert(0, os.path.join(ROOT, 'experiments'))
import bench  # noqa: E402

QUICK = ['net=conv16-ds4', 'repeats=1', 'part=5', 'threads=1', 'data=' + ('mnist' if os.environ.get('MNIST_DIR') else 'drawn')]


def test_figures_have_the_promised_form(tmp_path):
    run = run_script('peers=none', 'json=%s' % (tmp_path / 'figures'), 'markdown=%s' % (tmp_path / 'table'), *QUICK,
                     script=BENCH)
    assert run.returncode == 0, run.stderr
    figures = json.loads((tmp_path / 'figures').read_text())
    assert figures['threads'] == 1 and figures['peak_gflops'] > 1 and figures['peak_one_thread_to_all'] == 1
    assert list(figures['nets']) == ['conv16-ds4']
    seconds = figures['nets']['conv16-ds4']['seconds_per_epoch']
    assert list(seconds) == ['project'] and seconds['project'] > 0
    assert 0 < figures['nets']['conv16-ds4']['checkpoint_share_of_epoch'] < 1
    assert set(figures['nets']['conv16-ds4']['gflops']) == {'conv_forward', 'conv_backward', 'step'}
    text = (tmp_path / 'table').read_text()
    assert text in run.stdout and '| conv16-ds4 | 34.0 | %.2f |' % seconds['project'] in text


@pytest.mark.parametrize('arguments, words', [
    (['net=conv16-d2'], 'did you mean conv16-ds2?'), (['peers=pytorch'], 'did you mean torch?'),
    (['repeat=3'], 'did you mean repeats?'), (['quick'], 'must be name=value'), (['net='], 'net = : no such name'),
    (['repeats=0'], 'repeats = 0: must be a whole number from 1 to 1000'), (['threads=many'], 'threads = many: must be'),
    (['part=501'], 'part = 501: must be a whole number from 1 to 500'),
    (['json=/no/such/folder/x'], 'no such folder')])
def test_wrong_arguments_end_with_one_line(arguments, words):
    run = run_script(*arguments, script=BENCH)
    assert run.returncode == 2 and run.stdout == ''
    assert words in run.stderr and run.stderr.count('\n') == 1


def test_sizes_are_those_of_the_article():
    sizes = {name: [layer['Wshape'][0] for layer in bench.layers_of(hidden)[1:]] for name, hidden in bench.NETS.items()}
    assert sizes == {'conv16-ds2': [2304], 'conv64-ds2': [9216], 'conv16-ds4': [576], 'conv64-ds4': [2304],
                     'conv16-ds4-relu': [576], 'conv16-conv16-ds2': [16, 256], 'conv16-conv16-ds4': [16, 16],
                     'conv16-full400': [576, 400]}
    conv1, conv2, softmax = 16 * 25 * 24 * 24, 16 * 16 * 25 * 8 * 8, 256 * 10
    assert bench.flops(bench.layers_of(bench.NETS['conv16-conv16-ds2'])) == (
        200 * (conv1 + conv2), 200 * (conv1 + 2 * conv2), 200 * (2 * conv1 + 3 * conv2 + 3 * softmax))


def test_a_worker_that_dies_tells_its_last_words(tmp_path):
    script = tmp_path / 'dies.py'
    script.write_text("import sys\nprint('\"1.0\"', flush=True)\nsys.stdin.readline()\nsys.exit('no memory left')")
    worker = bench.Worker(sys.executable, str(script), {'choice': '', 'threads': 1})
    assert worker.version == '1.0'
    with pytest.raises(bench.Failed, match='died: no memory left'):
        worker.ask('cost')
    assert worker.process.poll() is not None and bench.Worker.running == []


def test_a_worker_that_hangs_is_ended(tmp_path, monkeypatch):
    script = tmp_path / 'hangs.py'
    script.write_text('import time\ntime.sleep(100)')
    monkeypatch.setattr('protocol.PATIENCE', 1)
    with pytest.raises(bench.Failed, match='no answer after 1 s'):
        bench.Worker(sys.executable, str(script), {'choice': '', 'threads': 1})
    assert bench.Worker.running == []
