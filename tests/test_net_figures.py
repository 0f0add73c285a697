"""What the figures of nets show, against NumPy; that their texts are legible, on a page and in a column."""
import numpy as np
import pytest

from legible import assert_legible, pictures_on, title
import drawing
import net_figures as figures

WIDTHS = pytest.mark.parametrize('width', [24, 8.5])


@pytest.fixture(autouse=True)
def style():
    drawing.load_matplotlib()


@pytest.mark.parametrize('shape', [(16, 1, 5, 5), (64, 1, 5, 5), (4, 2, 3, 6), (1, 1, 5, 5), (120, 1, 2, 2)])
def test_filters_are_shown_turned_and_numbered_on_one_scale(rng, shape):
    W = rng.normal(size=shape).astype('float32')
    figure = figures.filters_figure(W)
    assert [above for _, above, _ in pictures_on(figure)] == [str(k) for k in range(min(len(W), 100))]
    for (shown, _, _), w in zip(pictures_on(figure), W):
        turned = [[w[0, -1 - i, -1 - j] for j in range(shape[3])] for i in range(shape[2])]
        np.testing.assert_array_equal(shown, turned)
    for image in figure.axes[0].images:
        assert image.norm.vmax == -image.norm.vmin == pytest.approx(abs(W[:100, 0]).max())
        assert image.get_cmap().name == 'RdBu_r'
    assert 'turned by 180°' in title(figure) and 'W[k]' in title(figure)
    assert ('100 of them shown' in title(figure)) == (len(W) > 100)
    assert ('first of 2 channels' in title(figure)) == (shape[1] == 2)
    page, bar = figure.axes
    assert [image for image in page.images if image.colorbar and image.colorbar.ax is bar] == [page.images[-1]]


def test_filters_of_three_channels_are_colours(rng):
    W = rng.normal(size=(5, 3, 4, 4))
    figure = figures.filters_figure(W)
    shown = np.array([array for array, _, _ in pictures_on(figure)])
    np.testing.assert_allclose(shown, 0.5 + W[:, :, ::-1, ::-1].transpose(0, 2, 3, 1) / abs(W).max() / 2)
    assert 'grey is 0' in title(figure) and '%.2g' % abs(W).max() in title(figure)


def test_units_are_shown_as_they_are(rng):
    W = rng.normal(size=(130, 1, 7, 6))
    figure = figures.filters_figure(W, conv=False)
    shown = [array for array, _, _ in pictures_on(figure)]
    np.testing.assert_array_equal(shown, W[:100, 0])
    assert 'weights of 130 units' in title(figure) and '100 of them shown' in title(figure)


def test_filters_of_zeros_have_a_scale():
    assert figures.filters_figure(np.zeros((2, 1, 3, 3))).axes[0].images[0].norm.vmax == 1


@WIDTHS
@pytest.mark.parametrize('shape', [
    (16, 1, 5, 5), (64, 1, 5, 5), (100, 1, 28, 28), (300, 5, 9, 3), (20, 3, 3, 8), (1, 1, 1, 1)])
def test_filters_are_legible(rng, monkeypatch, shape, width):
    assert_legible(figures.filters_figure(rng.normal(size=shape), width=width), monkeypatch, width)


@pytest.mark.parametrize('conv', [True, False])
def test_filters_of_a_deep_layer_are_a_line_each_and_a_column_a_map(rng, conv):
    W = rng.normal(size=(6, 4, 5, 3))
    page, sheet, bar = figures.deep_filters_figure(W, 2, conv).axes
    shown = sheet.images[0].get_array().filled(np.nan)
    assert shown.shape == (6 * 6 - 1, 4 * 4 - 1)
    for k in range(6):
        for c in range(4):
            one = shown[6 * k:6 * k + 5, 4 * c:4 * c + 3]
            np.testing.assert_array_equal(one, W[k, c, ::-1, ::-1] if conv else W[k, c])
    assert np.isnan(shown[5::6]).all() and np.isnan(shown[:, 3::4]).all()
    assert ('6 filters' if conv else '6 units') in title(page.figure) and 'layer 2' in title(page.figure)


@WIDTHS
@pytest.mark.parametrize('shape', [
    (16, 16, 5, 5), (400, 16, 6, 6), (50, 20, 5, 5), (64, 64, 3, 3), (3, 1, 1, 1), (10, 1, 1, 400)])
def test_filters_of_a_deep_layer_are_legible(rng, monkeypatch, shape, width):
    figure = figures.deep_filters_figure(rng.normal(size=shape), 2, width=width)
    assert_legible(figure, monkeypatch, width)
    assert (shape[0] > 20) <= ('the first 20 lines' in title(figure))


def random_maps(rng, shapes, K=10, Xnch=1):
    """Arguments of maps_figure: layers of the given shapes of Z, the second with values of at least 0."""
    layers = [('tanh', rng.normal(size=shapes[0]))] + [('ReLu', abs(rng.normal(size=shape))) for shape in shapes[1:]]
    p = rng.dirichlet(np.ones(K))
    return rng.uniform(size=(Xnch, 28, 24)), int(p.argmax()), layers, p


@pytest.mark.parametrize('shapes', [
    [(16, 12, 12)], [(16, 6, 6), (16, 1, 1)], [(16, 6, 6), (230,)], [(40,), (130,)], [(120, 2, 2)]])
def test_maps_show_input_layers_and_probabilities(rng, shapes):
    x, t, layers, p = random_maps(rng, shapes)
    figure = figures.maps_figure(x, t, layers, p, 'test example 7 (MNIST), ')
    page, *others = figure.axes
    assert title(figure) == 'input: test example 7 (MNIST), label %d; predicted: %d' % (t, p.argmax())
    shown = list(page.images)
    np.testing.assert_array_equal(shown.pop(0).get_array(), x[0])
    of_units = [ax.images[0] for ax in others if ax.images]
    for _, Z in layers:
        images = [of_units.pop(0)] if Z.ndim == 1 else [shown.pop(0) for _ in Z[:100]]
        values = np.concatenate([np.ma.compressed(np.ma.masked_invalid(image.get_array())) for image in images])
        np.testing.assert_array_equal(values, Z[:100].ravel() if Z.ndim == 3 else Z)
        limits = (-abs(Z).max(), abs(Z).max()) if Z.min() < 0 else (0, Z.max())
        assert all((image.norm.vmin, image.norm.vmax) == limits for image in images)
    assert shown == of_units == []
    numbers = [str(k) for _, Z in layers if Z.ndim == 3 for k in range(min(len(Z), 100))]
    assert [above for _, above, _ in pictures_on(figure)][1:] == numbers
    ax = bars_of(figure)
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], p)
    assert [text.get_text() for text in ax.texts] == ['%.3f' % value for value in p]
    assert '%d (true)' % t in [label.get_text() for label in ax.get_yticklabels()]
    titles = [text.get_text() for text in page.texts if text.get_text().startswith('layer')]
    assert [words.partition(':')[0] for words in titles] == [
        'layer %d (%s)' % (n, layer[0]) for n, layer in enumerate(layers, 1)]


def bars_of(figure):
    (ax,) = [ax for ax in figure.axes if ax.get_xlabel().startswith('probability')]
    return ax


def test_of_many_classes_the_likeliest_have_bars(rng):
    x, t, layers, p = random_maps(rng, [(30,)], K=47)
    p20 = sorted(p)[:1] + sorted(p)[-20:]
    for label, true, bars in ((t, '', p20[1:]), (int(p.argmin()), ' and the true one', p20)):
        figure = figures.maps_figure(x, label, layers, p)
        assert sorted(bar.get_width() for bar in bars_of(figure).patches) == bars
        assert title(figure).endswith('; of 47 classes, the 20 likeliest' + true)


@WIDTHS
@pytest.mark.parametrize('shapes, K, Xnch', [
    ([(16, 12, 12)], 10, 1), ([(16, 6, 6), (16, 1, 1)], 10, 3), ([(16, 6, 6), (400,)], 10, 1),
    ([(1000,), (400,)], 47, 1), ([(20,)], 200, 1), ([(20,)], 2, 4), ([(300, 12, 3), (300, 4, 1)], 3, 1)])
def test_maps_are_legible(rng, monkeypatch, shapes, K, Xnch, width):
    x, t, layers, p = random_maps(rng, shapes, K, Xnch)
    figure = figures.maps_figure(x, t, layers, p, 'test example 9999 (drawn digits, not MNIST), ', width)
    assert_legible(figure, monkeypatch, width)


@pytest.mark.parametrize('NT, K, Xnch', [(40, 3, 1), (300, 10, 1), (30, 4, 3), (30, 4, 2)])
def test_mistakes_are_those_of_argmax_surest_first(rng, NT, K, Xnch):
    X, t, p = rng.uniform(size=(NT, Xnch, 6, 5)), rng.randint(K, size=NT), rng.dirichlet(np.ones(K), NT)
    wrong = sorted((n for n in range(NT) if p[n].argmax() != t[n]), key=lambda n: -max(p[n]))
    figure = figures.mistakes_figure(X, t, p, ' (drawn)')
    found = pictures_on(figure)
    assert len(found) == min(len(wrong), 100)
    for (shown, above, below), n in zip(found, wrong):
        np.testing.assert_array_equal(shown, X[n, 0] if Xnch != 3 else X[n].transpose(1, 2, 0))
        assert above == '%d→%d\n%.1f %%' % (t[n], p[n].argmax(), 100 * max(p[n])) and below == str(n)
    assert title(figure).startswith('%d of %d test examples (drawn) misclassified' % (len(wrong), NT))
    assert ('100 surest' in title(figure)) == (len(wrong) > 100)
    assert ('first of 2 channels' in title(figure)) == (Xnch == 2)


def test_no_mistakes_are_a_title():
    figure = figures.mistakes_figure(np.zeros((2, 1, 3, 3)), np.array([0, 1]), np.eye(2))
    assert title(figure) == '0 of 2 test examples misclassified' and pictures_on(figure) == []


@WIDTHS
@pytest.mark.parametrize('NT, K, shape', [
    (300, 10, (1, 28, 28)), (1, 2, (1, 28, 28)), (25, 200, (3, 32, 20)), (60, 10, (2, 9, 40))])
def test_mistakes_are_legible(rng, monkeypatch, NT, K, shape, width):
    p = rng.dirichlet(np.ones(K), NT)
    t = (p.argmax(1) + 1) % K
    figure = figures.mistakes_figure(rng.uniform(size=(NT,) + shape), t, p, ' (drawn digits, not MNIST)', width)
    assert_legible(figure, monkeypatch, width)


@WIDTHS
@pytest.mark.parametrize('K, N', [(2, 30), (10, 10000), (10, 100000), (26, 5000), (47, 5000)])
def test_confusion_counts_each_class_and_is_legible(rng, monkeypatch, K, N, width):
    t = np.concatenate([np.arange(K), rng.randint(K, size=N - K)])
    predicted = np.where(rng.uniform(size=N) < 0.95, t, rng.randint(K, size=N))
    counts = np.array([[((t == true) & (predicted == k)).sum() for k in range(K)] for true in range(K)])
    figure = figures.confusion_figure(counts, ' of 3 nets', width)
    assert_legible(figure, monkeypatch, width)
    _, matrix, bars = figure.axes
    assert title(figure).startswith('%d errors in %d examples of 3 nets, ' % ((t != predicted).sum(), N))
    np.testing.assert_array_equal(matrix.images[0].get_array(), counts - np.diag(counts.diagonal()))
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches],
                               [100 * (predicted[t == k] != k).mean() for k in range(K)])
    for text in matrix.texts:
        col, row = text.get_position()
        assert int(text.get_text()) == counts[row, col]
