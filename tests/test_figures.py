"""What the figures show, against NumPy; that every text on them is inside, and covers no other."""
import collections
import itertools
import os
import sys

import numpy as np
import pytest

from conftest import ROOT

pytest.importorskip('matplotlib')
sys.path.insert(0, os.path.join(ROOT, 'experiments'))
import figures  # noqa: E402
from matplotlib.text import Text  # noqa: E402

Log = collections.namedtuple('Log', 'rows')
Article = collections.namedtuple('Article', 'train valid test wall')


def texts(figure, monkeypatch):
    """The strings drawn on a figure, each with its box in pixels, as they are drawn."""
    drawn = {}
    draw = Text.draw

    def record(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            drawn[self] = Text.get_window_extent(self, renderer)
        return draw(self, renderer, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Text, 'draw', record)
        figure.draw_without_rendering()              # constrained layout settles
        drawn.clear()
        figure.draw_without_rendering()
    return [(text.get_text(), box) for text, box in drawn.items()]


def assert_legible(figure, monkeypatch):
    """Every text lies within the figure, of 1200 to 1800 pixels, is 8 pixels high or more, and overlaps no other."""
    width, height = figure.get_size_inches() * figure.dpi
    assert 1200 <= width <= 1800 and height <= 1800
    found = texts(figure, monkeypatch)
    assert found
    for words, box in found:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, (words, box, width, height)
        assert box.height >= 8, words
    for (words, a), (others, b) in itertools.combinations(found, 2):
        assert a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0, (words, a, others, b)


def title(figure):
    return figure._suptitle.get_text().replace('\n', ' ')


def with_images(figure):
    return [ax for ax in figure.findobj(lambda artist: hasattr(artist, 'get_images')) if ax.get_images()]


# ---- errors

def random_groups(rng, nruns, nseeds, epochs):
    """Groups of logs with errors that fall from 90 % to 0, and exactly 0 at the end of training."""
    fall = np.array([90 * 0.9 ** epoch for epoch in epochs])
    groups = []
    for n in range(nruns):
        errors = fall[:, None] * rng.uniform(0.5, 1, (nseeds, len(epochs), 2)) + [0, 0.9]
        errors[:, -1, 0] = 0
        groups.append(('conv16-conv16-run%d' % n, [
            Log({epoch: (1., *pair) for epoch, pair in zip(epochs, seed)}) for seed in errors.tolist()]))
    return groups


@pytest.mark.parametrize('nseeds', [1, 2, 10])
def test_curves_and_bands_are_mean_and_standard_deviation(rng, nseeds):
    epochs = [0, 10, 20, 30]
    groups = random_groups(rng, 3, nseeds, epochs)
    axes = [ax for ax in figures.curves_figure(groups).axes if ax.get_visible()]
    assert [ax.get_title().split()[0] for ax in axes] == [name for name, _ in groups]
    for ax, (_, logs) in zip(axes, groups):
        for column in (1, 2):
            errors = np.array([[log.rows[epoch][column] for epoch in epochs] for log in logs])
            mean, sd = errors.mean(0), np.sqrt(((errors - errors.mean(0)) ** 2).sum(0) / max(nseeds - 1, 1))
            np.testing.assert_array_equal(ax.lines[column - 1].get_xdata(), epochs)
            np.testing.assert_allclose(ax.lines[column - 1].get_ydata(), mean)
            vertices = ax.collections[column - 1].get_paths()[0].vertices
            for epoch, m, s in zip(epochs, mean, sd):
                band = vertices[vertices[:, 0] == epoch, 1]
                assert band.min() == pytest.approx(m - s) and band.max() == pytest.approx(m + s)


def test_an_error_of_zero_is_on_the_axis(rng):
    (ax,) = figures.curves_figure(random_groups(rng, 1, 4, [0, 50])).axes
    bottom, low, high = ax.transData.transform([(0, 0), (0, 0.002), (0, 0.02)])[:, 1]
    assert bottom == pytest.approx(ax.bbox.y0) and bottom < low < high
    assert ax.lines[0].get_ydata()[-1] == 0


def test_epochs_that_a_seed_has_not_reached_are_left_out():
    rows = {epoch: (1., 2. + epoch, 3.) for epoch in range(4)}
    (ax,) = figures.curves_figure([('run', [Log(rows), Log({epoch: rows[epoch] for epoch in (0, 2)})])]).axes
    assert ax.lines[0].get_xdata().tolist() == [0, 2] and ax.lines[0].get_ydata().tolist() == [2, 4]


@pytest.mark.parametrize('nruns, nepoch', [(1, 50), (2, 5), (5, 50), (8, 50), (11, 50)])
def test_curves_are_legible(rng, monkeypatch, nruns, nepoch):
    assert_legible(figures.curves_figure(random_groups(rng, nruns, 3, range(nepoch + 1))), monkeypatch)


def test_long_names_of_runs_are_legible(rng, monkeypatch):
    groups = [(name + '-with-a-rather-long-name-that-says-everything', logs) for name, logs in random_groups(rng, 8, 3, [0, 50])]
    assert_legible(figures.curves_figure(groups), monkeypatch)


ARTICLE = {'conv16-ds2': Article(0.018, 1.91, 1.81, 1824), 'conv64-ds2': Article(0.0, 1.74, 1.64, 7161),
           'conv16-ds4': Article(0.372, 1.43, 1.64, 1698), 'conv64-ds4': Article(0.034, 1.16, 1.38, 6642),
           'conv16-ds4-relu': Article(0.414, 1.4, 1.42, None), 'conv16-conv16-ds2': Article(1.012, 2.16, 1.93, 6416),
           'conv16-conv16-ds4': Article(0.0, 1.34, 1.28, 3249), 'conv16-full400': Article(0.0, 0.93, 0.78, 1638),
           'ours': None}


def random_rows(rng, nseeds, runs=ARTICLE):
    return [{'run': run, 'seed': str(seed), 'test_error': error * rng.uniform(0.9, 1.1), 'wall_seconds': wall * rng.uniform(0.9, 1.1)}
            for run, error, wall in zip(runs, rng.uniform(0.8, 1.9, len(runs)), 10 ** rng.uniform(1.3, 2.5, len(runs)))
            for seed in range(nseeds)]


@pytest.mark.parametrize('nseeds', [1, 10])
def test_times_are_means_with_standard_deviations_and_the_articles_figures(rng, nseeds):
    rows = random_rows(rng, nseeds)
    ax = figures.times_figure(rows, ARTICLE).axes[0]
    assert [container.get_label() for container in ax.containers] == list(ARTICLE)
    for container in ax.containers:
        run = container.get_label()
        trials = np.array([[row['wall_seconds'], row['test_error']] for row in rows if row['run'] == run])
        mean, sd = trials.mean(0), np.sqrt(((trials - trials.mean(0)) ** 2).sum(0) / max(nseeds - 1, 1))
        point, _, (across, along) = container.lines
        np.testing.assert_allclose(point.get_xydata(), [mean])
        np.testing.assert_allclose(across.get_segments()[0][:, 0], [mean[0] - sd[0], mean[0] + sd[0]])
        np.testing.assert_allclose(along.get_segments()[0][:, 1], [mean[1] - sd[1], mean[1] + sd[1]])
        hollow = [line for line in ax.lines if line.get_gid() == run]
        if ARTICLE[run] is None or ARTICLE[run].wall is None:
            assert hollow == []
        else:
            assert hollow[0].get_xydata().tolist() == [[ARTICLE[run].wall, ARTICLE[run].test]]
            assert hollow[0].get_fillstyle() == 'none' and hollow[0].get_color() == point.get_color()
    assert ax.get_xscale() == 'log'
    left, right = ax.get_xlim()
    assert all(left < x < right for line in ax.lines for x in line.get_xdata())


def test_the_run_whose_time_the_article_does_not_give_is_named(rng):
    figure = figures.times_figure(random_rows(rng, 2), ARTICLE)
    assert any('gives no time for conv16-ds4-relu)' in text.get_text() for text in figure.legends[0].get_texts())


def test_every_run_is_labelled_beside_its_point(rng, monkeypatch):
    figure = figures.times_figure(random_rows(rng, 3), ARTICLE)
    figure.draw_without_rendering()
    points = {c.get_label(): figure.axes[0].transData.transform(c.lines[0].get_xydata()[0]) for c in figure.axes[0].containers}
    boxes = {words: box for words, box in texts(figure, monkeypatch) if words in ARTICLE}
    assert set(boxes) == set(ARTICLE)
    for run, box in boxes.items():
        assert not any(box.contains(*point) for point in points.values())
        distance = np.hypot(*(np.clip(points[run], box.min, box.max) - points[run]))
        assert distance < 250


@pytest.mark.parametrize('case', ['one run', 'one point', 'alike', 'eight', 'twenty', 'wide', 'no article'])
def test_times_are_legible(rng, monkeypatch, case):
    article = {} if case in ('no article', 'one point') else ARTICLE
    runs = {'one run': ['conv16-ds2'], 'one point': ['conv16-ds2'], 'twenty': ['run-of-mine-%d' % n for n in range(20)]}
    rows = random_rows(rng, 1 if case == 'one point' else 3, runs.get(case, list(ARTICLE)[:8]))
    if case == 'alike':
        rows = [dict(row, test_error=1.5, wall_seconds=60) for row in rows]
    if case == 'wide':                                # 0.1 s to 10 h, with a spread larger than the mean
        rows[0].update(wall_seconds=0.1)
        rows[-1].update(wall_seconds=36000)
    assert_legible(figures.times_figure(rows, article), monkeypatch)


# ---- nets

@pytest.mark.parametrize('shape', [(16, 1, 5, 5), (64, 1, 5, 5), (4, 2, 3, 6), (1, 1, 5, 5), (120, 1, 2, 2)])
def test_filters_are_shown_turned_and_numbered_on_one_scale(rng, shape):
    W = rng.normal(size=shape).astype('float32')
    figure = figures.filters_figure(W)
    axes = with_images(figure)
    assert [ax.get_title() for ax in axes] == [str(k) for k in range(min(len(W), 100))]
    for ax, w in zip(axes, W):
        (image,) = ax.get_images()
        np.testing.assert_array_equal(image.get_array(), [[w[0, -1 - i, -1 - j] for j in range(shape[3])] for i in range(shape[2])])
        assert image.norm.vmax == -image.norm.vmin == pytest.approx(abs(W[:100, 0]).max())
        assert image.get_cmap().name == 'RdBu_r'
    assert 'turned by 180°' in title(figure) and 'W[k]' in title(figure)
    assert ('100 of them shown' in title(figure)) == (len(W) > 100)
    assert ('first of 2 channels' in title(figure)) == (shape[1] == 2)
    assert len([ax for ax in figure.axes if ax.get_label() == '<colorbar>']) == 1


def test_filters_of_three_channels_are_colours(rng):
    W = rng.normal(size=(5, 3, 4, 4))
    figure = figures.filters_figure(W)
    shown = np.array([ax.get_images()[0].get_array() for ax in with_images(figure)])
    np.testing.assert_allclose(shown, 0.5 + W[:, :, ::-1, ::-1].transpose(0, 2, 3, 1) / abs(W).max() / 2)
    assert 'grey is 0' in title(figure) and '%.2g' % abs(W).max() in title(figure)


def test_units_are_shown_as_they_are(rng):
    W = rng.normal(size=(130, 1, 7, 6))
    figure = figures.filters_figure(W, conv=False)
    axes = with_images(figure)
    assert len(axes) == 100 and 'weights of 130 units' in title(figure) and '100 of them shown' in title(figure)
    for ax, w in zip(axes, W):
        np.testing.assert_array_equal(ax.get_images()[0].get_array(), w[0])


def test_filters_of_zeros_have_a_scale():
    assert with_images(figures.filters_figure(np.zeros((2, 1, 3, 3))))[0].get_images()[0].norm.vmax == 1


@pytest.mark.parametrize('shape', [(16, 1, 5, 5), (64, 1, 5, 5), (8, 1, 5, 5), (100, 1, 28, 28), (300, 5, 9, 3), (20, 3, 3, 8), (1, 1, 1, 1)])
def test_filters_are_legible(rng, monkeypatch, shape):
    assert_legible(figures.filters_figure(rng.normal(size=shape)), monkeypatch)


def random_maps(rng, shapes, K=10, Xnch=1):
    """Arguments of maps_figure: layers of the given shapes of Z, the second with values of at least 0."""
    layers = [('tanh', rng.normal(size=shapes[0]))] + [('ReLu', abs(rng.normal(size=shape))) for shape in shapes[1:]]
    p = rng.dirichlet(np.ones(K))
    return rng.uniform(size=(Xnch, 28, 24)), int(p.argmax()), layers, p


@pytest.mark.parametrize('shapes', [[(16, 12, 12)], [(16, 6, 6), (16, 1, 1)], [(16, 6, 6), (230,)], [(40,), (130,)], [(120, 2, 2)]])
def test_maps_show_input_layers_and_probabilities(rng, shapes):
    x, t, layers, p = random_maps(rng, shapes)
    figure = figures.maps_figure(x, t, layers, p, 'test example 7 (MNIST), ')
    shown = [ax.get_images()[0] for ax in with_images(figure)]
    np.testing.assert_array_equal(shown.pop(0).get_array(), x[0])
    for afunc, Z in layers:
        limits = (-abs(Z).max(), abs(Z).max()) if Z.min() < 0 else (0, Z.max())
        images, shown = (shown[:min(len(Z), 100)], shown[min(len(Z), 100):]) if Z.ndim == 3 else (shown[:1], shown[1:])
        values = np.concatenate([np.ma.compressed(np.ma.masked_invalid(image.get_array())) for image in images])
        np.testing.assert_array_equal(values, Z[:100].ravel() if Z.ndim == 3 else Z)
        assert all((image.norm.vmin, image.norm.vmax) == limits for image in images)
    assert shown == []
    (ax,) = [ax for ax in figure.axes if ax.patches]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], p)
    assert [text.get_text() for text in ax.texts] == ['%.3f' % value for value in p]
    assert ax.get_title() == 'probabilities: predicted %d' % p.argmax()
    assert '%d (true)' % t in [label.get_text() for label in ax.get_yticklabels()]
    titles = [part._suptitle.get_text() for part in figure.findobj(lambda artist: getattr(artist, '_suptitle', None))]
    assert len(titles) == len(layers) and all('layer %d (%s)' % (n, layer[0]) in ' '.join(titles) for n, layer in enumerate(layers, 1))


def test_of_many_classes_the_likeliest_have_bars(rng):
    x, t, layers, p = random_maps(rng, [(30,)], K=47)
    (ax,) = [ax for ax in figures.maps_figure(x, t, layers, p).axes if ax.patches]
    assert sorted(bar.get_width() for bar in ax.patches) == sorted(p)[-20:]
    assert ax.get_ylabel() == '20 likeliest of 47 classes'


@pytest.mark.parametrize('shapes, K, Xnch', [
    ([(16, 12, 12)], 10, 1), ([(64, 6, 6)], 10, 1), ([(16, 6, 6), (16, 1, 1)], 10, 3), ([(16, 6, 6), (400,)], 10, 1),
    ([(1000,), (400,)], 47, 1), ([(20,)], 2, 4), ([(300, 12, 3), (300, 4, 1)], 3, 1), ([(2, 6, 6)], 10, 1)])
def test_maps_are_legible(rng, monkeypatch, shapes, K, Xnch):
    x, t, layers, p = random_maps(rng, shapes, K, Xnch)
    figure = figures.maps_figure(x, t, layers, p, 'test example 9999 (drawn digits, not MNIST), ')
    assert_legible(figure, monkeypatch)


@pytest.mark.parametrize('NT, K, Xnch', [(40, 3, 1), (300, 10, 1), (30, 4, 3), (30, 4, 2)])
def test_mistakes_are_those_of_argmax_surest_first(rng, NT, K, Xnch):
    X, t, p = rng.uniform(size=(NT, Xnch, 6, 5)), rng.randint(K, size=NT), rng.dirichlet(np.ones(K), NT)
    wrong = sorted((n for n in range(NT) if p[n].argmax() != t[n]), key=lambda n: -max(p[n]))
    figure = figures.mistakes_figure(X, t, p, ' (drawn)')
    axes = with_images(figure)
    assert len(axes) == min(len(wrong), 100)
    for ax, n in zip(axes, wrong):
        shown = ax.get_images()[0].get_array()
        np.testing.assert_array_equal(shown, X[n, 0] if Xnch != 3 else X[n].transpose(1, 2, 0))
        assert ax.get_title() == '%d → %d\n%.1f %%' % (t[n], p[n].argmax(), 100 * max(p[n]))
        assert ax.get_xlabel() == str(n)
    assert title(figure).startswith('%d of %d test examples (drawn) misclassified' % (len(wrong), NT))
    assert ('100 surest' in title(figure)) == (len(wrong) > 100)
    assert ('first of 2 channels' in title(figure)) == (Xnch == 2)


def test_no_mistakes_are_a_title():
    figure = figures.mistakes_figure(np.zeros((2, 1, 3, 3)), np.array([0, 1]), np.eye(2))
    assert title(figure) == '0 of 2 test examples misclassified' and with_images(figure) == []


@pytest.mark.parametrize('NT, K, shape', [(300, 10, (1, 28, 28)), (1, 2, (1, 28, 28)), (25, 200, (3, 32, 20)), (60, 10, (2, 9, 40))])
def test_mistakes_are_legible(rng, monkeypatch, NT, K, shape):
    p = rng.dirichlet(np.ones(K), NT)
    t = (p.argmax(1) + 1) % K
    figure = figures.mistakes_figure(rng.uniform(size=(NT,) + shape), t, p, ' (drawn digits, not MNIST)')
    assert_legible(figure, monkeypatch)
