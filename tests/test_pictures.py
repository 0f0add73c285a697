"""Pictures as their users make them, on small data; what is drawn, against the files and naive NumPy."""
import os
import struct
import types

import numpy as np
import pytest

from conftest import run_script
from helpers_data import arrays, write_folder
from helpers_logs import printed, save
from legible import pictures_on, title
import drawing
import mlp_4layer
import mnist
import naive
import nnet
import pictures
from convnet import ConvLayer
from datasets.files import FileError
from logs import LogError
from nnet import FullLayer
from run import saved_nets
from run.settings import SettingError

SCRIPT = os.path.join('experiments', 'pictures.py')


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


@pytest.fixture
def results(tmp_path):
    """A folder as trials.py leaves it, of two runs from two seeds each."""
    for run, seed, train, valid, test in [('conv64-ds4', 0, 0.0, 1.0, 1.2), ('conv64-ds4', 1, 0.0, 2.0, 1.6),
                                          ('conv16-ds2', 0, 0.1, 1.5, 1.7), ('conv16-ds2', 1, 0.3, 1.9, 1.9)]:
        save(tmp_path, 'logs/%s/seed-%d.log.gz' % (run, seed), printed(test, seed, valid, train, run=run))
    return tmp_path


def given(**settings):
    drawing.load_matplotlib()
    return {**pictures.DEFAULTS, **settings}


# ---- as a command

@pytest.mark.parametrize('arguments, words', [
    ([], "'': no picture of this name; known are curves, costs"), (['curve'], 'did you mean curves?'),
    (['filters', 'nett=x'], 'nett=x: no setting of this name, did you mean net?'),
    (['times', 'digit=1'], 'digit=1: no setting'),
    (['maps', '3'], '3: must be name=value'),
    (['maps', 'digit=-1'], 'digit = -1: must be a whole number of at least 0'),
    (['maps', 'net=/no/such.npz'], "net = '/no/such.npz': must be a file"),
    (['curves', 'results=/no/such'], "results = '/no/such': must be a folder"),
    (['curves', 'png=/no/such/x.png'], "png = '/no/such/x.png': must be"),
    (['curves', 'png=x.jpg'], 'FILE.png or FILE.pdf or FILE.svg'), (['curves', 'width=3'], 'width = 3: must be cm')])
def test_wrong_arguments_are_one_line_before_matplotlib_is_loaded(monkeypatch, arguments, words):
    monkeypatch.setattr(drawing, 'load_matplotlib', lambda: pytest.fail('too late'))
    with pytest.raises(SettingError) as error:
        pictures.main(arguments)
    assert words in str(error.value)


def test_help_tells_the_pictures_and_their_settings():
    run = run_script('--help', script=SCRIPT)
    assert (run.returncode, run.stderr) == (0, '')
    assert all(words in run.stdout for words in [draw.__name__ for draw in pictures.PICTURES] + ['width=24', 'digit=0'])


def test_without_matplotlib_one_line_before_anything_slow(tmp_path):
    (tmp_path / 'matplotlib.py').write_text('raise ImportError("No module named \'matplotlib\'")')
    (tmp_path / 'theano.py').write_text('raise SystemExit("too late")')
    run = run_script('maps', script=SCRIPT, PYTHONPATH=str(tmp_path))
    assert (run.returncode, run.stdout) == (2, '')
    assert run.stderr == "no matplotlib (No module named 'matplotlib'): `make extras` adds it\n"


def test_a_net_is_trained_where_none_is_given_and_kept(folder, tmp_path):
    first = run_script('filters', 'data=' + folder, 'results=%s' % tmp_path, script=SCRIPT, DISPLAY=None)
    assert first.returncode == 0, first.stderr
    assert first.stderr.startswith('# training a net for 5 epochs, to be kept in %s\n' % (tmp_path / 'net.npz'))
    assert first.stdout == '%s\n' % (tmp_path / 'filters.png')
    head = (tmp_path / 'filters.png').read_bytes()[:24]
    assert head[:8] == b'\x89PNG\r\n\x1a\n' and struct.unpack('>I', head[16:20])[0] == int(24 / 2.54 * 160)
    settings = saved_nets.load_net(str(tmp_path / 'net.npz')).settings
    assert (settings['nepoch'], tuple(settings['ds1']), settings['NL']) == (5, (4, 4), 500)

    picture = tmp_path / 'sheet.PDF'
    again = run_script('mistakes', 'data=' + folder, 'results=%s' % tmp_path, 'png=%s' % picture, script=SCRIPT,
                       MPLBACKEND='tkagg')
    assert (again.returncode, again.stderr, again.stdout) == (0, '', '%s\n' % picture)
    assert picture.read_bytes().startswith(b'%PDF')


def test_what_hinders_the_training_is_told_by_it(tmp_path):
    tiny = write_folder(tmp_path, *arrays((4, 4), K=3, NL=600, NT=12))
    run = run_script('filters', 'data=' + tiny, 'results=%s' % tmp_path, script=SCRIPT)
    assert run.returncode == 2 and run.stderr.endswith('\nlayer 1: Wrow = 5 exceeds Xrow = 4\n')


@pytest.mark.parametrize('form, start', [('png', b'\x89PNG'), ('pdf', b'%PDF'), ('svg', b'<?xml')])
@pytest.mark.parametrize('name', ['curves', 'costs', 'seeds', 'times'])
def test_pictures_of_runs_have_the_form_of_their_suffix(results, capsys, name, form, start):
    path = results / ('x.' + form)
    for _ in range(2):                              # the same figure is the same file
        pictures.main([name, 'results=%s' % results, 'png=%s' % path, 'width=8.5'])
        assert capsys.readouterr().out == '%s\n' % path
        written, before = path.read_bytes(), locals().get('written')
        assert written.startswith(start) and before in (None, written)


@pytest.mark.parametrize('runs, words', [
    ('conv16-d2', 'did you mean conv16-ds2?'), ('conv64-ds4,', 'runs = : no run or group'),
    ('others', 'none of them is in')])
def test_a_run_that_is_not_there_is_one_line(results, runs, words):
    with pytest.raises(SettingError, match=words.replace('?', r'\?')):
        pictures.chosen(given(results=str(results), runs=runs))
    (results / 'logs' / 'conv16-ds2' / 'seed-1.log.gz').write_bytes(b'x')
    with pytest.raises(LogError, match='seed-1.log.gz: '):
        pictures.chosen(given(results=str(results)))


def test_a_net_or_digit_that_does_not_fit_is_one_line(folder, nets, tmp_path):
    other = write_folder(tmp_path, *arrays((3, 12, 10), K=3, NL=60, NT=12))
    broken = tmp_path / 'broken.npz'
    broken.write_bytes(b'PK')
    for draw, settings, error, words in [
            (pictures.maps, dict(data=other), SettingError, r'are \(3, 12, 10\), the net takes \(1, 12, 10\)'),
            (pictures.maps, dict(data=folder, digit=150), SettingError, 'digit = 150: must be from 0 to 149'),
            (pictures.filters, dict(layer=3), SettingError, 'layer = 3: must be from 1 to 2'),
            (pictures.mistakes, dict(data=folder, net=str(broken)), FileError, 'broken.npz: not a saved net')]:
        with pytest.raises(error, match=words):
            draw(given(**{'net': nets['conv'][0], **settings}))


# ---- what is drawn

@pytest.mark.parametrize('runs, names', [
    ('', ['conv16-ds2', 'conv64-ds4']), ('conv64-ds4,conv16-ds2', ['conv64-ds4', 'conv16-ds2']),
    ('conv64-ds4', ['conv64-ds4']), ('article', ['conv16-ds2', 'conv64-ds4'])])
def test_runs_are_picked_by_name_or_group_and_drawn_from_the_logs(results, runs, names):
    settings = given(results=str(results), runs=runs)
    panels = {ax.get_title().split()[0]: ax for ax in pictures.curves(settings).axes}
    assert list(panels) == names
    for run, train, valid in (('conv64-ds4', 0., 1.5), ('conv16-ds2', 0.2, 1.7)):
        for line, last in zip(panels[run].lines if run in panels else (), (train, valid)):
            assert line.get_ydata()[-1] == pytest.approx(last)
    errors, times = pictures.times(settings).axes
    assert [label.get_text() for label in errors.get_yticklabels()] == names
    article = {'conv16-ds2': (1.81, 30 * 60 + 24), 'conv64-ds4': (1.38, 3600 + 50 * 60 + 42)}
    for ax, n in ((errors, 0), (times, 1)):
        assert {line.get_gid(): line.get_xdata()[0] for line in ax.lines if line.get_gid()} == {
            name: article[name][n] for name in names}


def test_outputs_of_all_layers_equal_numpy(rng):
    layer1 = ConvLayer(8, 9, 2, 3, 2, 4, (2, 3), 'tanh', True, 0.3, rng)
    layer2 = ConvLayer(*layer1.Zshape[1:], 4, 2, 2, 3, (2, 2), 'sigmoid', True, 0.3, rng)
    net = mlp_4layer.Net(layer1, layer2, FullLayer(layer2.H, 5, 'ReLu', True, 0.3, rng), 3, rng)
    X = rng.normal(size=(5, 2, 8, 9)).astype('float32')
    outputs, Z = pictures.compiled(net.layers)(X), X
    assert len(outputs) == 4
    for layer, output in zip(net.layers, outputs):
        W, b = layer.W.get_value(), layer.b.get_value()
        if isinstance(layer, ConvLayer):
            Z = naive.AFUNC[layer.afunc](naive.max_pool(naive.conv(Z, W), layer.ds) + b[:, None, None])
        else:
            Y = Z.reshape(len(Z), -1).dot(W) + b
            Z = naive.softmax(Y) if layer.afunc == 'softmax' else naive.AFUNC[layer.afunc](Y)
        np.testing.assert_allclose(output, Z, rtol=1e-3, atol=1e-5)


def test_examples_are_those_that_the_net_was_tested_on(folder, nets):
    images, t, X, source = pictures.examples(saved_nets.load_net(nets['conv'][0]), folder)
    _, _, XT, tT = arrays((12, 10), K=3, NL=600, NT=150)
    np.testing.assert_array_equal(images[:, 0], XT.astype('float32') / 255)
    np.testing.assert_array_equal(t, tT)
    np.testing.assert_array_equal(X, mnist.load(folder, 500).XT)
    assert source == folder


@pytest.mark.parametrize('hidden', ['conv', 'conv-full', 'full'])
def test_mistakes_and_confusion_are_what_the_log_counts(folder, nets, hidden):
    path, log = nets[hidden]
    wrong = float(log.strip().split()[-1]) * 150 / 100
    assert wrong == pytest.approx(round(wrong)) and wrong > 20
    figure = pictures.mistakes(given(data=folder, net=path))
    assert title(figure).startswith('%d of 150 test examples' % round(wrong))
    assert len(pictures_on(figure)) == min(round(wrong), 100)
    assert all(above[0] == str(int(below) % 3) != above[2] for _, above, below in pictures_on(figure))
    figure = pictures.confusion(given(data=folder, net=path))
    assert title(figure).startswith('%d errors in 150 examples' % round(wrong))


def test_confusion_of_a_folder_of_nets_is_their_sum(folder, nets):
    wrong = sum(round(float(log.strip().split()[-1]) * 1.5) for _, log in nets.values())
    figure = pictures.confusion(given(data=folder, net=os.path.dirname(nets['conv'][0])))
    assert title(figure).startswith('%d errors in 450 examples (%s), summed over 3 nets' % (wrong, folder))


@pytest.mark.parametrize('hidden', ['conv', 'conv-full', 'full'])
def test_maps_and_filters_are_those_of_the_net(folder, nets, hidden):
    settings = given(data=folder, net=nets[hidden][0], digit=149)
    saved = saved_nets.load_net(nets[hidden][0])
    figure = pictures.maps(settings)
    shown = [array for array, _, _ in pictures_on(figure)]
    np.testing.assert_array_equal(shown[0], arrays((12, 10), K=3, NL=600, NT=150)[2][149].astype('float32') / 255)
    Z = pictures.examples(saved, folder)[2][149:]
    W = saved.net.layers[0].W.get_value()
    if hidden == 'full':
        shown += [ax.images[0].get_array() for ax in figure.axes[1:] if ax.images]
        np.testing.assert_allclose(shown[1].ravel(), Z.reshape(120).dot(W) + saved.net.layer1.b.get_value(), atol=1e-4)
    else:
        np.testing.assert_allclose(shown[1:5], naive.max_pool(naive.conv(Z, W), (2, 2))[0], atol=1e-4)
    filters = [array for array, _, _ in pictures_on(pictures.filters(settings))]
    np.testing.assert_array_equal(filters, W.T.reshape(20, 12, 10) if hidden == 'full' else W[:, 0, ::-1, ::-1])


def test_weights_of_a_second_layer_lie_on_the_maps_of_the_first(nets):
    layer1, layer2, _ = saved_nets.load_net(nets['conv-full'][0]).net.layers
    sheet = pictures.filters(given(net=nets['conv-full'][0], layer=2)).axes[1].images[0].get_array()
    W = layer2.W.get_value().T.reshape(120, *layer1.Zshape)
    for k in range(20):
        for c in range(4):
            rows, cols = layer1.Zrow + 1, layer1.Zcol + 1
            np.testing.assert_array_equal(sheet[rows * k:rows * k + rows - 1, cols * c:cols * c + cols - 1], W[k, c])


def test_colour_images_are_drawn(tmp_path, capsys):
    folder = write_folder(tmp_path, *arrays((3, 12, 10), K=3, NL=600, NT=30))
    for name in ('filters', 'maps', 'mistakes', 'confusion'):
        pictures.main([name, 'data=' + folder, 'results=%s' % tmp_path])
        assert (tmp_path / (name + '.png')).stat().st_size > 1000


class OwnLayer:
    """All that a net asks of a layer: no Zshape, no W."""
    H, params = 5, []

    def output(self, X):
        return X

    def __repr__(self):
        return 'OwnLayer'


def test_filters_of_a_net_with_a_layer_of_one_s_own(rng, monkeypatch):
    W = rng.normal(size=(5, 3)).astype('float32')
    last = FullLayer(5, 3, 'softmax', rng=rng)
    last.W.set_value(W)
    saved = types.SimpleNamespace(net=nnet.Net(FullLayer(120, 5, 'tanh', rng=rng), OwnLayer(), last),
                                  mean=np.zeros((1, 12, 10)))
    monkeypatch.setattr(pictures, 'saved_nets_of', lambda given: [saved])
    sheet = pictures.filters(given(layer=3)).axes[1].images[0].get_array()
    assert np.isin(W, sheet).all()
    with pytest.raises(SettingError, match='layer = 2: OwnLayer has no weights W of 2 or 4 dimensions'):
        pictures.filters(given(layer=2))
