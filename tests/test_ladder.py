"""The ladder: its runs as mnist_convnet.py takes them, its table against SciPy's paired intervals."""
import math
import os
import sys

import numpy as np
import pytest
from scipy import stats

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, 'experiments'))
import ladder
import runs
from helpers_logs import printed, save


def write(results, rung, errors):
    for seed, error in errors.items():
        save(results / 'logs' / ('ladder-' + rung), 'seed-%d.log.gz' % seed,
             printed(9.9, seed, valid=error, run='ladder-' + rung))


def test_each_rung_has_one_change_more_than_the_kept_one_before_it(monkeypatch):
    monkeypatch.setattr(runs, 'RUNGS', {'start': {'eta': 0.1}, 'aside': {'mu': 0.5}, 'up': {'decay': 0.1}})
    monkeypatch.setattr(runs, 'CHOICES', {'frontier': {'nepoch': 9}, 'shorter': {'nepoch': 5}})
    monkeypatch.setattr(runs, 'NOT_KEPT', ['aside'])
    assert {name: run.settings for name, run in runs.ladder().items()} == {
        'ladder-start': {'eta': 0.1}, 'ladder-aside': {'eta': 0.1, 'mu': 0.5}, 'ladder-up': {'eta': 0.1, 'decay': 0.1},
        'ladder-frontier': {'nepoch': 9}, 'ladder-shorter': {'nepoch': 5}}


def test_it_starts_at_the_best_net_of_the_article():
    best = min(runs.ARTICLE.values(), key=lambda run: run.article.test)
    assert runs.LADDER['ladder-start'].settings == dict(best.settings, nepoch=12)
    assert set(runs.NOT_KEPT) < {*runs.RUNGS, *runs.CHOICES}


def test_a_rung_is_compared_with_the_kept_one_before_it(monkeypatch):
    monkeypatch.setattr(ladder, 'NOT_KEPT', ['aside'])
    found = {'start': {0: 1.0, 1: 1.2}, 'aside': {0: 1.5, 1: 1.5}, 'up': {0: 0.75, 1: 1.0},
             'frontier': {0: 0.5, 1: 0.5}}                                          # which stands on no other
    assert [np.round(differences, 9).tolist() for _, _, differences in ladder.steps(found, list(found))] == [
        [], [0.5, 0.3], [-0.25, -0.2], []]


def test_what_a_missing_rung_buys_is_not_counted_for_the_next_one(tmp_path, capsys):
    write(tmp_path, 'start', {0: 1.0, 1: 1.1})
    write(tmp_path, 'momentum', {0: 0.9, 1: 0.8})                   # stands on linear
    ladder.main(['results=%s' % tmp_path])
    assert capsys.readouterr().out.splitlines()[3].endswith('| 2 | 0.850 ± 0.071 |  |  |')


def test_the_table_has_what_each_rung_buys(tmp_path, capsys):
    first, second = {0: 1.0, 1: 1.2, 2: 0.9, 3: 1.1}, {1: 1.0, 2: 0.85, 3: 0.97, 5: 0.5}
    write(tmp_path, 'start', first)
    write(tmp_path, 'linear', second)
    ladder.main(['results=%s' % tmp_path])
    lines = capsys.readouterr().out.splitlines()[2:4]
    assert lines[0].startswith('| start | `') and lines[0].endswith('| 4 | 1.050 ± 0.129 |  |  |')
    differences = [second[seed] - first[seed] for seed in (1, 2, 3)]
    mean, half = sum(differences) / 3, stats.t.ppf(0.975, 2) * stats.sem(differences)
    assert lines[1] == '| linear | `schedule=linear` | 4 | %.3f ± %.3f | %+.3f | %+.3f to %+.3f |' % (
        0.83, stats.tstd(list(second.values())), mean, mean - half, mean + half)
    low, high = ladder.statistics(differences)[2]
    assert (low, high) == pytest.approx(tuple(mean + sign * half for sign in (-1, 1))) and not math.isnan(low)


@pytest.mark.parametrize('width', [8.5, 16])
def test_a_picture_is_as_wide_as_is_asked_for_and_its_names_are_on_it(width, tmp_path):
    image = pytest.importorskip('matplotlib.image')
    rungs = ['start', 'linear', 'refine-longer']
    for rung in rungs:
        write(tmp_path, rung, {0: 1.0, 1: 1.1})
    ladder.main(['results=%s' % tmp_path, 'png=%s' % (tmp_path / 'a.png'), 'width=%s' % width])
    assert image.imread(str(tmp_path / 'a.png')).shape[1] == int(width / 2.54 * 160)
    figure = ladder.figure_of(ladder.errors(str(tmp_path), runs.RUNGS), width)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        'start', '+ linear', '(+ refine-longer)'] and min(box.x0 for box in boxes) >= 0


def test_without_trials_it_says_what_makes_them(tmp_path):
    with pytest.raises(ladder.settings.SettingError, match='has no trial of the ladder: '):
        ladder.main(['results=%s' % tmp_path])
