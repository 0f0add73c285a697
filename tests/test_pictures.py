"""Pictures as their users make them, in processes, on small data; what is drawn, against the files and naive NumPy."""
import gzip
import os
import struct
import sys
import time

import numpy as np
import pytest

from conftest import ROOT, run_script
from legible import pictures_on, title
from test_mlp import HIDDEN, net_of
from helpers_data import arrays, write_folder
import mnist
import naive
from convnet import ConvLayer

SCRIPT = os.path.join('experiments', 'pictures.py')
sys.path.insert(0, os.path.join(ROOT, 'experiments'))
import pictures  # noqa: E402
from run import saving  # noqa: E402


def draw(*arguments, **environment):
    return run_script(*arguments, script=SCRIPT, **environment)


def png_size(path):
    with open(path, 'rb') as file:
        head = file.read(24)
    assert head[:8] == b'\x89PNG\r\n\x1a\n'
    return struct.unpack('>II', head[16:])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A small data set of 12 x 10 pixels and 3 classes, of noise: nets make many mistakes on it."""
    return write_folder(tmp_path_factory.mktemp('idx'), *arrays((12, 10), K=3, NL=600, NT=150))


@pytest.fixture(scope='module')
def nets(folder, tmp_path_factory):
    """{hidden: (a net's file, its printed log)}, of nets that were trained on the folder."""
    results, found = tmp_path_factory.mktemp('nets'), {}
    for hidden in ('conv', 'conv-full', 'full'):
        path = str(results / (hidden + '.npz'))
        run = run_script('data=' + folder, 'hidden=' + hidden, 'NL=500', 'nepoch=1', 'W1nch=4', 'H1=20', 'H2=120',
                         'save=' + path)
        assert run.returncode == 0, run.stderr
        found[hidden] = path, run.stdout
    return found


LOG = '''# data: MNIST
# seed: {seed} theano: 1.0.5 numpy: 1.23.5
### 2-layer convnet
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (4, 4) H: 576
# H: 576
### training: NL = 50000 NV = 10000 K = 10 batchsize = 100
0 2.3 90.0 91.0
10 0.03 {train} {valid}
# NT = 10000
10 0.05 {train} {valid} {test}
# run: {run}
# settings: {{"seed": {seed}}}
# threads: 1 wall time: {wall} s
'''


@pytest.fixture
def results(tmp_path):
    """A folder as trials.py leaves it, of two runs from two seeds each."""
    rows = ['run,seed,train_error,valid_error,test_error,wall_seconds']
    for run, seed, train, valid, test, wall in [
            ('conv64-ds4', 0, 0.0, 1.0, 1.2, 100.), ('conv64-ds4', 1, 0.0, 2.0, 1.6, 300.),
            ('conv16-ds2', 0, 0.1, 1.5, 1.7, 50.), ('conv16-ds2', 1, 0.3, 1.9, 1.9, 70.)]:
        path = tmp_path / 'logs' / run / ('seed-%d.log.gz' % seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        log = LOG.format(run=run, seed=seed, train=train, valid=valid, test=test, wall=wall)
        path.write_bytes(gzip.compress(log.encode()))
        rows.append('%s,%d,%s,%s,%s,%s' % (run, seed, train, valid, test, wall))
    (tmp_path / 'trials.csv').write_text('\n'.join(rows) + '\n')
    return tmp_path


# ---- as a command

def test_no_picture_is_one_line_of_usage():
    run = draw()
    assert (run.returncode, run.stdout) == (2, '')
    assert run.stderr == 'python experiments/pictures.py curves|filters|maps|mistakes|times [name=value ...]\n'


@pytest.mark.parametrize('arguments, words', [
    (['curve'], 'curve: no such picture, did you mean curves?'), (['x'], 'known are curves, filters, maps'),
    (['filters', 'nett=x'], 'nett=x: filters takes no nett, did you mean net?'),
    (['times', 'digit=1'], 'digit=1: times takes no digit, known are png, results, runs'),
    (['maps', '3'], '3: must be name=value'),
    (['maps', 'digit=-1'], 'digit = -1: must be a whole number of at least 0'),
    (['maps', 'net=/no/such.npz'], 'net = /no/such.npz: no such file'),
    (['maps', 'data=x'], "data = x: must be 'auto'"),
    (['curves', 'results=/no/such'], 'results = /no/such: no such folder'),
    (['curves', 'png=/no/such/x.png'], 'png = /no/such/x'),
    (['filters', 'png=' + ROOT], 'must be a file in a folder that is there')])
def test_wrong_arguments_are_one_line_and_status_2(tmp_path, arguments, words):
    (tmp_path / 'matplotlib.py').write_text('raise SystemExit("too late")')
    run = draw(*arguments, PYTHONPATH=str(tmp_path))
    assert (run.returncode, run.stdout) == (2, '')
    assert words in run.stderr and run.stderr.count('\n') == 1


@pytest.mark.parametrize('picture', pictures.OPTIONS)
def test_without_matplotlib_one_line_before_anything_slow(tmp_path, picture):
    (tmp_path / 'matplotlib.py').write_text('raise ImportError("No module named \'matplotlib\'")')
    start = time.monotonic()
    run = draw(picture, 'results=%s' % tmp_path, PYTHONPATH=str(tmp_path))
    assert time.monotonic() - start < 4
    assert (run.returncode, run.stdout) == (2, '')
    assert run.stderr == "no matplotlib (No module named 'matplotlib'): `make extras` adds it\n"
    assert [name for name in os.listdir(tmp_path) if name.endswith(('.npz', '.png'))] == []


def test_a_net_is_trained_where_none_is_given_and_kept(folder, tmp_path):
    first = draw('filters', 'data=' + folder, 'results=%s' % tmp_path, DISPLAY=None)
    assert first.returncode == 0, first.stderr
    assert first.stderr.startswith('# training a net for 5 epochs, to be kept in %s\n' % (tmp_path / 'net.npz'))
    assert first.stdout == '%s\n' % (tmp_path / 'filters.png') and 1200 <= png_size(tmp_path / 'filters.png')[0] <= 1800
    saved = saving.load_net(str(tmp_path / 'net.npz'))
    assert (saved.settings['nepoch'], tuple(saved.settings['ds1']), saved.settings['NL']) == (5, (4, 4), 500)

    again = draw('mistakes', 'data=' + folder, 'results=%s' % tmp_path,
                 'png=%s' % (tmp_path / 'sheet'), MPLBACKEND='tkagg')
    assert (again.returncode, again.stderr, again.stdout) == (0, '', '%s\n' % (tmp_path / 'sheet'))
    assert 1200 <= png_size(tmp_path / 'sheet')[0] <= 1800


def test_what_hinders_the_training_is_told_by_it(tmp_path):
    tiny = write_folder(tmp_path, *arrays((4, 4), K=3, NL=600, NT=12))
    run = draw('filters', 'data=' + tiny, 'results=%s' % tmp_path)
    assert run.returncode == 2 and run.stderr.endswith('\nlayer 1: Wrow = 5 exceeds Xrow = 4\n')
    assert 'Traceback' not in run.stderr


@pytest.mark.parametrize('picture', ['curves', 'times'])
def test_errors_of_a_folder_of_results_are_drawn(results, picture):
    run = draw(picture, 'results=%s' % results)
    assert (run.returncode, run.stderr, run.stdout) == (0, '', '%s\n' % (results / (picture + '.png')))
    assert 1200 <= png_size(results / (picture + '.png'))[0] <= 1800


@pytest.mark.parametrize('content, words', [
    (None, 'No such file or directory; experiments/trials.py writes it'), (b'', 'has no trials with a test error'),
    (b'run,seed,test_error,wall_seconds\n', 'has no trials with a test error'),
    (b'run,test_error\na,1\n', 'must have columns run, test_error'),
    (b'run,test_error,wall_seconds\na,1\n', 'must have columns'),
    (b'run,test_error,wall_seconds\na,x,1\n', 'must have'),
    (b'run,test_error,wall_seconds\na,nan,1\n', 'must have'), (b'run,test_error,wall_seconds\na,1,0\n', 'must have'),
    (bytes(range(256)), 'trials.csv: ')])
def test_broken_trials_are_one_line(results, content, words):
    if content is None:
        (results / 'trials.csv').unlink()
    else:
        (results / 'trials.csv').write_bytes(content)
    run = draw('times', 'results=%s' % results)
    assert (run.returncode, run.stdout, run.stderr.count('\n')) == (2, '', 1), run.stderr
    assert words in run.stderr


def test_broken_or_missing_logs_are_one_line(results):
    (results / 'logs' / 'conv16-ds2' / 'seed-1.log.gz').write_bytes(b'x')
    run = draw('curves', 'results=%s' % results)
    assert (run.returncode, run.stdout, run.stderr.count('\n')) == (2, '', 1) and 'seed-1.log.gz: ' in run.stderr
    (results / 'logs').rename(results / 'away')
    run = draw('curves', 'results=%s' % results)
    assert (run.returncode, run.stdout, run.stderr.count('\n')) == (2, '', 1) and 'trials.py writes logs' in run.stderr


@pytest.mark.parametrize('runs, words', [
    ('conv16-d2', 'did you mean conv16-ds2?'), ('conv64-ds4,', 'runs = : no such run'),
    ('others', 'none of them is in')])
def test_a_run_that_is_not_there_is_one_line(results, runs, words):
    run = draw('curves', 'results=%s' % results, 'runs=' + runs)
    assert (run.returncode, run.stdout, run.stderr.count('\n')) == (2, '', 1) and words in run.stderr


def test_a_net_or_digit_that_does_not_fit_is_one_line(folder, nets, tmp_path):
    other = write_folder(tmp_path, *arrays((3, 12, 10), K=3, NL=60, NT=12))
    broken = tmp_path / 'broken.npz'
    broken.write_bytes(b'PK')
    for arguments, words in [
            (['data=' + other, 'net=' + nets['conv'][0]],
             'images (Xnch, Xrow, Xcol) are (3, 12, 10), the net takes (1, 12, 10)'),
            (['data=' + folder, 'net=' + nets['conv'][0], 'digit=150'], 'digit = 150: must be from 0 to 149'),
            (['data=' + folder, 'net=%s' % broken], 'broken.npz: not a saved net, or damaged')]:
        run = draw('maps', *arguments)
        assert (run.returncode, run.stdout, run.stderr.count('\n')) == (2, '', 1), run.stderr
        assert words in run.stderr


# ---- what is drawn

@pytest.fixture
def given(monkeypatch):
    """given(name=value, ...) puts settings into the module, for the test."""
    return lambda **settings: [monkeypatch.setattr(pictures, name, value) for name, value in settings.items()]


def test_curves_are_those_of_the_logs(results, given):
    given(results=str(results))
    panels = {ax.get_title().split()[0]: ax for ax in pictures.curves().axes}
    assert list(panels) == ['conv16-ds2', 'conv64-ds4']                    # the order of runs.py
    for run, train, valid in (('conv64-ds4', 0., 1.5), ('conv16-ds2', 0.2, 1.7)):
        np.testing.assert_allclose(panels[run].lines[0].get_xydata(), [(0, 90), (10, train)])
        np.testing.assert_allclose(panels[run].lines[1].get_xydata(), [(0, 91), (10, valid)])


@pytest.mark.parametrize('runs, names', [
    ('conv64-ds4,conv16-ds2', ['conv64-ds4', 'conv16-ds2']), ('conv64-ds4', ['conv64-ds4']),
    ('article', ['conv16-ds2', 'conv64-ds4'])])
def test_runs_are_picked_by_name_or_group(results, given, runs, names):
    given(results=str(results), runs=runs)
    assert [ax.get_title().split()[0] for ax in pictures.curves().axes] == names
    assert [container.get_label() for container in pictures.times().axes[0].containers] == names


def test_times_are_those_of_the_trials_and_of_the_article(results, given):
    given(results=str(results))
    ax = pictures.times().axes[0]
    points = {container.get_label(): container.lines[0].get_xydata()[0] for container in ax.containers}
    np.testing.assert_allclose(points['conv64-ds4'], (200, 1.4))
    np.testing.assert_allclose(points['conv16-ds2'], (60, 1.8))
    article = {line.get_gid(): tuple(line.get_xydata()[0]) for line in ax.lines if line.get_gid()}
    assert article == {'conv16-ds2': (30 * 60 + 24, 1.81), 'conv64-ds4': (3600 + 50 * 60 + 42, 1.38)}


@pytest.mark.parametrize('hidden', HIDDEN)
def test_outputs_of_all_layers_equal_numpy(hidden, rng):
    net = net_of(hidden, rng)
    X = rng.normal(size=(5, 2, 8, 9)).astype('float32')
    outputs, Z = pictures.compiled(net.layers)(X), X
    assert len(outputs) == len(net.layers)
    for layer, output in zip(net.layers, outputs):
        W, b = layer.W.get_value(), layer.b.get_value()
        if isinstance(layer, ConvLayer):
            Z = naive.AFUNC[layer.afunc](naive.max_pool(naive.conv(Z, W), layer.ds) + b[:, None, None])
        else:
            Y = Z.reshape(len(Z), -1).dot(W) + b
            Z = naive.softmax(Y) if layer.afunc == 'softmax' else naive.AFUNC[layer.afunc](Y)
        np.testing.assert_allclose(output, Z, rtol=1e-3, atol=1e-5)


def test_examples_are_those_that_the_net_was_tested_on(folder, nets, given):
    given(data=folder)
    images, t, X, source = pictures.examples(saving.load_net(nets['conv'][0]))
    _, _, XT, tT = arrays((12, 10), K=3, NL=600, NT=150)
    np.testing.assert_array_equal(images[:, 0], XT.astype('float32') / 255)
    np.testing.assert_array_equal(t, tT)
    np.testing.assert_array_equal(X, mnist.load(folder, 500).XT)
    assert source == folder


@pytest.mark.parametrize('hidden', ['conv', 'conv-full', 'full'])
def test_mistakes_are_as_many_as_the_log_counts(folder, nets, given, hidden):
    path, log = nets[hidden]
    given(data=folder, net=path)
    figure = pictures.mistakes()
    wrong = float(log.strip().split()[-1]) * 150 / 100
    assert wrong == pytest.approx(round(wrong)) and wrong > 20
    assert title(figure).startswith('%d of 150 test examples' % round(wrong))
    assert len(pictures_on(figure)) == min(round(wrong), 100)
    assert all(above[0] == str(int(below) % 3) != above[4] for _, above, below in pictures_on(figure))


@pytest.mark.parametrize('hidden', ['conv', 'conv-full', 'full'])
def test_maps_and_filters_are_those_of_the_net(folder, nets, given, hidden):
    given(data=folder, net=nets[hidden][0], digit=149)
    saved = saving.load_net(nets[hidden][0])
    shown = [array for array, _, _ in pictures_on(pictures.maps())]
    np.testing.assert_array_equal(shown[0], arrays((12, 10), K=3, NL=600, NT=150)[2][149].astype('float32') / 255)
    Z = pictures.examples(saved)[2][149:]
    W = saved.net.layers[0].W.get_value()
    if hidden == 'full':
        np.testing.assert_allclose(shown[1].ravel(), Z.reshape(120).dot(W) + saved.net.layer1.b.get_value(), atol=1e-4)
    else:
        np.testing.assert_allclose(shown[1:5], naive.max_pool(naive.conv(Z, W), (2, 2))[0], atol=1e-4)
    assert len(shown) == {'conv': 5, 'conv-full': 6, 'full': 2}[hidden]

    filters = [array for array, _, _ in pictures_on(pictures.filters())]
    np.testing.assert_array_equal(filters, W.T.reshape(20, 12, 10) if hidden == 'full' else W[:, 0, ::-1, ::-1])


def test_colour_images_are_drawn(tmp_path):
    folder = write_folder(tmp_path, *arrays((3, 12, 10), K=3, NL=600, NT=30))
    for picture in ('filters', 'maps', 'mistakes'):
        run = draw(picture, 'data=' + folder, 'results=%s' % tmp_path)
        assert run.returncode == 0, run.stderr
        assert 1200 <= png_size(tmp_path / (picture + '.png'))[0] <= 1800
