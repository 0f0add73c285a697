"""What the figures of errors show, against NumPy; that their texts are legible, on a page and in a column."""
import numpy as np
import pytest

from legible import assert_legible, texts
import drawing
import error_figures as figures
from groups import Group
from logs import Log
from runs import ARTICLE


@pytest.fixture(autouse=True)
def style():
    drawing.load_matplotlib()


def random_groups(rng, nruns, nseeds, epochs, names=None):
    """Groups of logs whose errors fall from 90 % to about 1, and training errors to exactly 0; walls of 20 to 300 s."""
    fall = np.array([90 * 0.8 ** epoch for epoch in epochs])
    groups = []
    for n in range(nruns):
        errors, floor = (rng.uniform(least, 1, (nseeds, len(epochs), 2)) for least in (0.5, 0.7))
        errors = fall[:, None] * errors + floor
        errors[:, -1, 0] = 0
        groups.append(Group(names[n] if names else 'conv16-conv16-run%d' % n, [Log(
            seed=seed, rows={epoch: (2.3 * 0.5 ** epoch, *pair) for epoch, pair in zip(epochs, of_seed)},
            test=(epochs[-1], 0.1, *of_seed[-1], rng.uniform(0.8, 1.9)), wall_seconds=10 ** rng.uniform(1.3, 2.5))
            for seed, of_seed in enumerate(errors.tolist())]))
    return groups


def panels(figure):
    return [ax for ax in figure.axes if ax.get_visible()]


# ---- curves

@pytest.mark.parametrize('nseeds', [1, 2, 10])
def test_curves_bands_and_test_points_are_mean_and_standard_deviation(rng, nseeds):
    epochs = [0, 10, 20, 30]
    groups = random_groups(rng, 3, nseeds, epochs)
    axes = panels(figures.curves_figure(groups))
    assert [ax.get_title().split()[0] for ax in axes] == [group.name for group in groups]
    for ax, (_, logs) in zip(axes, groups):
        for column in (1, 2):
            errors = np.array([[log.rows[epoch][column] for epoch in epochs] for log in logs])
            mean, sd = errors.mean(0), np.sqrt(((errors - errors.mean(0)) ** 2).sum(0) / max(nseeds - 1, 1))
            np.testing.assert_array_equal(ax.lines[column - 1].get_xdata(), epochs)
            np.testing.assert_allclose(ax.lines[column - 1].get_ydata(), mean)
            vertices = ax.collections[column - 1].get_paths()[0].vertices
            for epoch, m, s in zip(epochs, mean, sd):
                band = vertices[vertices[:, 0] == epoch, 1]
                assert band.min() == pytest.approx(max(m - s, 0)) and band.max() == pytest.approx(m + s)
        test = np.array([log.test[4] for log in logs])
        point, _, (bar,) = ax.containers[0].lines
        assert point.get_ydata()[0] == pytest.approx(test.mean()) and point.get_xdata()[0] > epochs[-1]
        sd = np.sqrt(((test - test.mean()) ** 2).sum() / max(nseeds - 1, 1))
        np.testing.assert_allclose(bar.get_segments()[0][:, 1], [test.mean() - sd, test.mean() + sd])


def test_the_range_that_matters_has_the_room(rng):
    """Errors of 90 % before training are cut off, and said to be; those of the trained nets take most of the height."""
    groups = random_groups(rng, 2, 3, range(0, 51, 10))
    groups.append(Group('lost', [Log(rows={0: (2.3, 90., 90.), 10: (9., 60., 60.)}, diverged='in epoch 11')]))
    figure = figures.curves_figure(groups)
    (low, high), last = panels(figure)[0].get_ylim(), [log.rows[50][2] for group in groups[:2] for log in group.logs]
    assert low < 0 < min(last) and max(last) < high < 12
    assert any('cut off at %.2g' % high in text.get_text() for text in figure.texts)
    assert panels(figure)[2].get_title() == 'lost (1 seed, 1 diverged)'


def test_costs_are_those_of_training_and_test(rng):
    (group,) = random_groups(rng, 1, 2, [0, 5, 10])
    (ax,) = panels(figures.curves_figure([group], of='cost'))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [2.3, 2.3 / 2**5, 2.3 / 2**10])
    assert ax.containers[0].lines[0].get_ydata()[0] == pytest.approx(0.1) and ax.get_yscale() == 'log'


def test_the_first_group_is_behind_the_others(rng):
    groups = random_groups(rng, 2, 2, [0, 10])
    first, second = panels(figures.curves_figure(groups, behind=True))
    grey = [line for line in second.lines if line.get_color() == drawing.GREY][:2]
    for line, same in zip(grey, first.lines):
        np.testing.assert_array_equal(line.get_xydata(), same.get_xydata())
    assert drawing.GREY not in [line.get_color() for line in first.lines]


def test_epochs_that_a_seed_has_not_reached_are_of_the_others():
    rows = {epoch: (1., 2. + epoch, 3.) for epoch in range(4)}
    higher = {epoch: (1., 4. + epoch, 3.) for epoch in (0, 2)}
    logs = [Log(rows=rows), Log(rows=higher, diverged='the cost is nan')]
    (ax,) = panels(figures.curves_figure([Group('$run_1', logs)]))
    assert ax.lines[0].get_xdata().tolist() == [0, 1, 2, 3] and ax.lines[0].get_ydata().tolist() == [3, 3, 5, 5]
    assert ax.get_title() == r'\$run_1 (2 seeds, 1 diverged)'


@pytest.mark.parametrize('nruns, nepoch, width', [
    (1, 50, 24), (2, 5, 24), (8, 50, 24), (19, 50, 24), (1, 50, 8.5), (3, 5, 8.5), (8, 50, 8.5), (8, 50, 12)])
def test_curves_are_legible(rng, monkeypatch, nruns, nepoch, width):
    assert_legible(figures.curves_figure(random_groups(rng, nruns, 3, range(nepoch + 1)), width), monkeypatch, width)


def test_long_names_of_runs_are_legible(rng, monkeypatch):
    names = ['run-%d-with-a-rather-long-name-that-says-everything' % n for n in range(8)]
    for width in (24, 8.5):
        groups = random_groups(rng, 8, 3, [0, 50], names)
        assert_legible(figures.curves_figure(groups, width), monkeypatch, width)
        assert_legible(figures.seeds_figure(groups, {}, width), monkeypatch, width)


@pytest.mark.parametrize('nruns, columns', [(5, 3), (8, 4), (11, 4)])
def test_the_lowest_panel_of_each_column_tells_the_epochs(rng, monkeypatch, nruns, columns):
    figure = figures.curves_figure(random_groups(rng, nruns, 2, [0, 50]))
    assert len([words for words, _ in texts(figure, monkeypatch) if words == '40']) == columns


# ---- seeds and times

NAMES = [*ARTICLE, 'ours']
FIGURES = {name: run.article for name, run in ARTICLE.items()}


@pytest.mark.parametrize('nseeds', [1, 10])
def test_seeds_and_times_are_all_there_and_the_articles_figures_in_the_same_line(rng, nseeds):
    groups = random_groups(rng, 9, nseeds, [0, 50], NAMES)
    groups.append(Group('lost', [Log(rows={0: (2., 9., 9.)}, diverged='x')]))
    errors, times = figures.seeds_figure(groups, FIGURES, times=True).axes
    assert [label.get_text() for label in errors.get_yticklabels()] == NAMES + ['lost (all diverged)']
    for ax, value_of in ((errors, lambda log: log.test[4]), (times, lambda log: log.wall_seconds)):
        seeds = [line for line in ax.lines if line.get_color() == drawing.BLUE]
        for number, line in enumerate(seeds):
            np.testing.assert_array_equal(line.get_ydata(), number)
            np.testing.assert_allclose(line.get_xdata(), [value_of(log) for log in groups[number].logs])
        assert len(seeds) == 9 and len(ax.containers) == (9 if nseeds > 1 else 0)
        for container, group in zip(ax.containers, groups):
            values = np.array([value_of(log) for log in group.logs])
            middle, sd = values.mean(), np.sqrt(((values - values.mean()) ** 2).sum() / 9)
            low, high = middle - sd, middle + sd
            if ax is times:                           # of ten: between the values beside 2.25, 4.5 and 6.75
                wall = sorted(values)
                low, middle, high = (0.75 * wall[2] + 0.25 * wall[3], (wall[4] + wall[5]) / 2,
                                     0.25 * wall[6] + 0.75 * wall[7])
            assert container.lines[0].get_xdata()[0] == pytest.approx(middle)
            np.testing.assert_allclose(container.lines[2][0].get_segments()[0][:, 0], [low, high])
        article = {line.get_gid(): line.get_xydata()[0].tolist() for line in ax.lines if line.get_gid()}
        assert article == {name: [figures_.test if ax is errors else figures_.wall, NAMES.index(name)]
                           for name, figures_ in FIGURES.items() if ax is errors or figures_.wall}
    assert times.get_xscale() == 'log'


@pytest.mark.parametrize('nruns', [1, 4, 9])
@pytest.mark.parametrize('width', [24, 8.5])
@pytest.mark.parametrize('times', [False, True])
def test_seeds_and_times_are_legible(rng, monkeypatch, nruns, width, times):
    groups = random_groups(rng, nruns, 3, [0, 50], NAMES)
    assert_legible(figures.seeds_figure(groups, FIGURES, width, times), monkeypatch, width)
