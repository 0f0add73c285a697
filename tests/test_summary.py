"""The statistics of the tables, by hand and against SciPy."""
import re

import numpy as np
import pytest
import scipy.stats

from conftest import run_script
from helpers_logs import printed, save
import summary


def test_statistics_against_scipy_and_by_hand():
    values = [1.83, 1.7, 1.95, 1.88, 1.64]
    mean, sd, (low, high) = summary.statistics(values)
    assert mean == pytest.approx(1.8) and sd == pytest.approx(0.12787, abs=1e-5)        # squares sum to 0.0654
    interval = scipy.stats.t.interval(0.95, 4, loc=np.mean(values), scale=scipy.stats.sem(values))
    assert (low, high) == pytest.approx(interval)
    assert high - mean == pytest.approx(2.776 * 0.12787 / 5**0.5, abs=1e-3)             # 2.776: Student's t, 4 degrees


@pytest.mark.parametrize('argument, text', [
    ('results=/nowhere', "results = '/nowhere': must be a folder"), ('/nowhere', '/nowhere: must be name=value'),
    ('results=tests', 'tests/logs: No such file or directory')])
def test_a_summary_of_nothing_is_one_line(argument, text):
    run = run_script(argument, script='experiments/summary.py')
    assert run.returncode == 2 and text in run.stderr and run.stderr.count('\n') == 1 and run.stdout == ''


@pytest.mark.parametrize('article, words', [
    (1.79, 'article within 2 sd'), (1.5, 'article is lower by 2.3 sd'), (1.9, 'article within 2 sd'),
    (3., 'ours is lower by 9.4 sd'),
])
def test_verdict(article, words):
    assert summary.verdict(article, [1.83, 1.7, 1.95, 1.88, 1.64]) == words


@pytest.mark.parametrize('values', [[1.5], [1.5, 1.5]])
def test_verdict_where_nothing_varies(values):
    assert [summary.verdict(article, values) for article in (1.4, 1.5, 1.6)] == [
        'article is lower', 'the same', 'ours is lower']


def test_the_ladder_s_test_errors_are_not_shown(tmp_path):
    save(tmp_path / 'logs' / 'ladder-drop', 'seed-0.log.gz', printed(0.7, run='ladder-drop'))
    save(tmp_path / 'logs' / 'conv16-ds2', 'seed-0.log.gz', printed(1.8, run='conv16-ds2'))
    assert list(summary.read(str(tmp_path))) == ['conv16-ds2']


def test_without_validation_examples_their_cell_is_empty(tmp_path, capsys):
    for seed, test in enumerate((0.4, 0.5)):
        save(tmp_path / 'logs' / 'lenet', 'seed-%d.log.gz' % seed, printed(test, seed, run='lenet', NV=0))
    summary.write(str(tmp_path))
    capsys.readouterr()
    lines = (tmp_path / 'RESULTS.md').read_text().split('\n')
    assert [line.split(' | ')[2:5] for line in lines if line.startswith('| lenet | 2')] == [
        ['0.500 ± 0.000', '', '0.450 ± 0.071']]
    assert [line.split(' | ')[1] for line in lines if line.startswith('| lenet | t') or '| valid' in line[:15]] == [
        'train', 'test']


def test_with_the_ladder_alone_there_is_no_row(tmp_path, capsys):
    save(tmp_path / 'logs' / 'ladder-drop', 'seed-0.log.gz', printed(0.7, run='ladder-drop'))
    summary.write(str(tmp_path))
    assert capsys.readouterr().out.startswith('run ') and (tmp_path / 'trials.csv').read_text().count('\n') == 1


@pytest.mark.parametrize('told, time', [(0, '–'), (1, '0 min 40 s')])
def test_the_time_is_that_of_the_logs_that_tell_it(tmp_path, capsys, told, time):
    for seed in range(2):
        text = printed(1.8, seed, run='conv16-ds2')
        save(tmp_path / 'logs' / 'conv16-ds2', 'seed-%d.log.gz' % seed,
             text if seed < told else text.replace('# threads: 1 wall time: 39.7 s\n', ''))
    summary.write(str(tmp_path))
    assert re.search('  %s +30 min 24 s$' % time, capsys.readouterr().out, re.M)
    took = '2 trials took %s altogether (without %d whose time is not known)' % (
        '0 min 40 s' if told else '0 min 00 s', 2 - told)
    assert took in (tmp_path / 'RESULTS.md').read_text()
