"""The ladder: its runs as mnist_convnet.py takes them, its table against SciPy's paired intervals."""
import math
import os
import sys

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


def test_each_rung_has_one_change_more(monkeypatch):
    rungs = [run.settings for run in runs.LADDER.values()]
    for before, after, change in zip(rungs, rungs[1:], list(runs.RUNGS.values())[1:]):
        assert {**before, **change} == after != before
    assert rungs[0] == dict(runs.ARTICLE['conv16-full400'].settings, nepoch=20)


def test_the_table_has_what_each_rung_buys(tmp_path, capsys):
    first, second = {0: 1.0, 1: 1.2, 2: 0.9, 3: 1.1}, {1: 1.0, 2: 0.85, 3: 0.97, 5: 0.5}
    write(tmp_path, 'start', first)
    write(tmp_path, 'linear', second)
    ladder.main(['results=%s' % tmp_path])
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines[0].startswith('| start | `') and lines[0].endswith('| 4 | 1.050 ± 0.129 |  |  |')
    differences = [second[seed] - first[seed] for seed in (1, 2, 3)]
    mean, half = sum(differences) / 3, stats.t.ppf(0.975, 2) * stats.sem(differences)
    assert lines[1] == '| linear | `schedule=linear` | 4 | %.3f ± %.3f | %+.3f | %+.3f to %+.3f |' % (
        0.83, stats.tstd(list(second.values())), mean, mean - half, mean + half)
    low, high = ladder.statistics(differences)[2]
    assert (low, high) == pytest.approx(tuple(mean + sign * half for sign in (-1, 1))) and not math.isnan(low)


def test_without_trials_it_says_what_makes_them(tmp_path):
    with pytest.raises(ladder.settings.SettingError, match='has no trial of the ladder: '):
        ladder.main(['results=%s' % tmp_path])
