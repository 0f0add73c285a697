"""What the figures of errors show, against NumPy; that their texts are legible."""
import collections
import os
import sys

import numpy as np
import pytest

from conftest import ROOT
from legible import assert_legible, texts

sys.path.insert(0, os.path.join(ROOT, 'experiments'))
import error_figures as figures  # noqa: E402

Log = collections.namedtuple('Log', 'rows diverged', defaults=(None,))
Article = collections.namedtuple('Article', 'train valid test wall')


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


def test_epochs_that_a_seed_has_not_reached_are_of_the_others_and_divergence_is_told():
    rows = {epoch: (1., 2. + epoch, 3.) for epoch in range(4)}
    higher = {epoch: (1., 4. + epoch, 3.) for epoch in (0, 2)}
    (ax,) = figures.curves_figure([('run', [Log(rows), Log(higher, 'the cost is nan')])]).axes
    assert ax.lines[0].get_xdata().tolist() == [0, 1, 2, 3] and ax.lines[0].get_ydata().tolist() == [3, 3, 5, 5]
    assert ax.get_title() == 'run (2 seeds, 1 diverged)'


@pytest.mark.parametrize('nruns, nepoch', [(1, 50), (2, 5), (5, 50), (8, 50), (11, 50), (19, 50)])
def test_curves_are_legible(rng, monkeypatch, nruns, nepoch):
    assert_legible(figures.curves_figure(random_groups(rng, nruns, 3, range(nepoch + 1))), monkeypatch)


def test_long_names_of_runs_are_legible(rng, monkeypatch):
    groups = [(name + '-with-a-rather-long-name-that-says-everything', logs)
              for name, logs in random_groups(rng, 8, 3, [0, 50])]
    assert_legible(figures.curves_figure(groups), monkeypatch)


ARTICLE = {'conv16-ds2': Article(0.018, 1.91, 1.81, 1824), 'conv64-ds2': Article(0.0, 1.74, 1.64, 7161),
           'conv16-ds4': Article(0.372, 1.43, 1.64, 1698), 'conv64-ds4': Article(0.034, 1.16, 1.38, 6642),
           'conv16-ds4-relu': Article(0.414, 1.4, 1.42, None), 'conv16-conv16-ds2': Article(1.012, 2.16, 1.93, 6416),
           'conv16-conv16-ds4': Article(0.0, 1.34, 1.28, 3249), 'conv16-full400': Article(0.0, 0.93, 0.78, 1638),
           'ours': None}


def random_rows(rng, nseeds, runs=ARTICLE):
    return [dict(run=run, test_error=error * rng.uniform(0.9, 1.1), wall_seconds=wall * rng.uniform(0.9, 1.1))
            for run, error, wall in zip(runs, rng.uniform(0.8, 1.9, len(runs)), 10 ** rng.uniform(1.3, 2.5, len(runs)))
            for seed in range(nseeds)]


@pytest.mark.parametrize('nseeds', [1, 10])
def test_times_are_medians_errors_are_means_and_beside_them_are_the_articles_figures(rng, nseeds):
    rows = random_rows(rng, nseeds) + [dict(run='lost', test_error=None, wall_seconds=1e5)]
    ax = figures.times_figure(rows, ARTICLE).axes[0]
    assert [container.get_label() for container in ax.containers] == list(ARTICLE)
    for container in ax.containers:
        run = container.get_label()
        wall = sorted(row['wall_seconds'] for row in rows if row['run'] == run)
        errors = np.array([row['test_error'] for row in rows if row['run'] == run])
        mean, sd = errors.mean(), np.sqrt(((errors - errors.mean()) ** 2).sum() / max(nseeds - 1, 1))
        low, median, high = wall * 3 if nseeds == 1 else (       # of ten: between the values beside 2.25, 4.5 and 6.75
            0.75 * wall[2] + 0.25 * wall[3], (wall[4] + wall[5]) / 2, 0.25 * wall[6] + 0.75 * wall[7])
        point, _, (across, along) = container.lines
        np.testing.assert_allclose(point.get_xydata(), [[median, mean]])
        np.testing.assert_allclose(across.get_segments()[0][:, 0], [low, high])
        np.testing.assert_allclose(along.get_segments()[0][:, 1], [mean - sd, mean + sd])
        hollow = [line for line in ax.lines if line.get_gid() == run]
        if ARTICLE[run] is None or ARTICLE[run].wall is None:
            assert hollow == []
        else:
            assert hollow[0].get_xydata().tolist() == [[ARTICLE[run].wall, ARTICLE[run].test]]
            assert hollow[0].get_fillstyle() == 'none' and hollow[0].get_color() == point.get_color()
    assert ax.figure.legends[0].get_texts()[2].get_text() == 'no point: diverged from every seed: lost'
    assert ax.get_xscale() == 'log'
    left, right = ax.get_xlim()
    assert all(left < x < right for line in ax.lines for x in line.get_xdata())


def test_the_run_whose_time_the_article_does_not_give_is_named(rng):
    figure = figures.times_figure(random_rows(rng, 2), ARTICLE)
    assert any('gives no time for conv16-ds4-relu)' in text.get_text() for text in figure.legends[0].get_texts())


@pytest.mark.parametrize('nseeds, words', [
    (1, 'here: one seed'),
    (4, 'here: error, mean and standard deviation; time, median and quartiles; 4 seeds each')])
def test_the_number_of_seeds_is_told(rng, nseeds, words):
    assert figures.times_figure(random_rows(rng, nseeds), ARTICLE).legends[0].get_texts()[0].get_text() == words


def test_every_run_is_labelled_beside_its_point(rng, monkeypatch):
    figure = figures.times_figure(random_rows(rng, 3), ARTICLE)
    figure.draw_without_rendering()
    ax = figure.axes[0]
    points = {c.get_label(): ax.transData.transform(c.lines[0].get_xydata()[0]) for c in ax.containers}
    boxes = {words: box for words, box in texts(figure, monkeypatch) if words in ARTICLE}
    assert set(boxes) == set(ARTICLE)
    for run, box in boxes.items():
        assert not any(box.contains(*point) for point in points.values())
        distance = np.hypot(*(np.clip(points[run], box.min, box.max) - points[run]))
        assert distance < 250


def test_no_line_to_a_label_passes_behind_another_label(rng, monkeypatch):
    runs = ['run-number-%d' % n for n in range(12)]
    rows = [dict(run=run, test_error=1 + n % 4 / 40, wall_seconds=60 + n) for n, run in enumerate(runs)]
    figure = figures.times_figure(rows, {})
    boxes = dict(texts(figure, monkeypatch))
    for note in (text for text in figure.axes[0].texts):
        point, middle = figure.axes[0].transData.transform(note.xy), boxes[note.get_text()].get_points().mean(0)
        for run in set(runs) - {note.get_text()}:
            assert not any(boxes[run].contains(*place) for place in np.linspace(point, middle, 1000)), run


@pytest.mark.parametrize('nruns', [5, 8, 11])
def test_the_lowest_panel_of_each_column_tells_the_epochs(rng, monkeypatch, nruns):
    figure = figures.curves_figure(random_groups(rng, nruns, 2, [0, 50]))
    words = [(box.x0, box.y1) for text, box in texts(figure, monkeypatch) if text == '50']
    cols = len({round(ax.get_position().x0, 3) for ax in figure.axes})
    assert len(words) == cols == {5: 3, 8: 4, 11: 4}[nruns]


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
