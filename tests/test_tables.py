"""What the READMEs show between their marks is what the results say."""
import csv
import json
import os
import re
import shutil

import numpy as np
import pytest
from scipy import stats

from conftest import ROOT
from run.hyperparameters import FIRST_RUN, settings_line
from run.settings import typed
import logs
import runs
import summary
import tables


def text_of(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


@pytest.mark.parametrize('path', [path for path in tables.READMES if os.path.exists(path)])
def test_a_readme_is_as_make_tables_leaves_it(path):
    text = text_of(path)
    assert tables.with_tables(text, path.endswith('.ja.md')) == text
    assert len(re.findall('<!-- (?!/)', text)) == len(re.findall('<!-- /', text))


def software(png):
    with open(png, 'rb') as file:
        return re.search(rb'Matplotlib version[0-9.]+', file.read()).group()


@pytest.mark.parametrize('name', tables.PICTURES)
def test_a_picture_is_as_make_tables_draws_it(name, tmp_path):
    """Pixel by pixel where matplotlib is the one that drew it; both READMEs show it."""
    image = pytest.importorskip('matplotlib.image')
    module, words = tables.PICTURES[name]
    path, drawn = os.path.join(ROOT, 'experiments', name), str(tmp_path / 'a.png')
    assert os.path.getsize(path) < 60000
    for readme in tables.READMES[:2]:
        assert '(%s)' % os.path.relpath(path, ROOT) in text_of(readme)
    module.main([*words, 'png=' + drawn])
    if software(drawn) == software(path):
        assert np.array_equal(image.imread(drawn), image.imread(path))


@pytest.mark.parametrize('path', tables.READMES[:2])
def test_the_log_shown_is_that_of_a_trial(path):
    assert '<!-- log: conv16-ds2 -->\n```\n# data: MNIST\n# seed: 0 ' in text_of(path)


def test_both_languages_have_the_same_tables():
    english, japanese = (re.findall('<!-- .* -->', text_of(path)) for path in tables.READMES[:2])
    assert english == japanese


def test_what_is_kept_was_trained_by_the_settings_that_runs_py_has_now():
    folder = os.path.join(tables.RESULTS, 'logs')
    for name in os.listdir(folder):
        expected = {**FIRST_RUN, **runs.RUNS[name].settings}
        for seed, text in logs.read_packed(os.path.join(folder, name, 'trials.log.gz')).items():
            line, = re.findall('^# settings: .*$', text, re.M)
            assert line == settings_line(dict(expected, seed=seed)), name
    with open(os.path.join(tables.RESULTS, 'speedrun.json')) as file:
        assert json.load(file)['settings'] == ' '.join(
            typed(*item) for item in runs.RUNS['speedrun'].settings.items())


def test_results_md_and_trials_csv_are_as_they_are_made_again(tmp_path):
    shutil.copytree(tables.RESULTS, str(tmp_path / 'results'))
    summary.write(str(tmp_path / 'results'))
    for name, place in ('trials.csv', tables.RESULTS), ('RESULTS.md', tables.HERE):
        assert text_of(str(tmp_path / 'results' / name)) == text_of(os.path.join(place, name))


def test_marks_are_filled_and_nothing_else_is_changed():
    text = 'a\n<!-- runs -->\nold\n<!-- /runs -->\nb <!-- other -->\n'
    english, japanese = (tables.with_tables(text, ja) for ja in (False, True))
    assert english.startswith('a\n<!-- runs -->\n| run | ')
    assert english.endswith('\n<!-- /runs -->\nb <!-- other -->\n')
    assert '| conv64-ds4 | `W1nch=64 "ds1=(4,4)"` | 0.034 | 1.16 | 1.38 | 1 h 50 min 42 s |' in english
    assert '| 実験 | 引数 |' in japanese and 'old' not in english and tables.with_tables(english, False) == english


def trials():
    """{run: {seed: test error}} of trials.csv."""
    errors = {}
    with open(os.path.join(ROOT, 'experiments', 'results', 'trials.csv')) as file:
        for row in csv.DictReader(file):
            of_run = errors.setdefault(row['run'], {})
            of_run.update({row['seed']: float(row['test_error'])} if row['test_error'] else {})
    return errors


def test_pairs_against_scipy_on_the_trials():
    errors = trials()
    rows = re.findall(r'^\| (conv\S+) \| (\S+) \| (\S+) \| (\S+) \|$', tables.pairs('bias', False), re.M)
    assert {run for run, *_ in rows} == {run for run in errors if errors[run] and errors.get(run + '-bias')}
    for run, *shown in rows:
        before, after = ([errors[name][seed] for seed in sorted(errors[name])] for name in (run, run + '-bias'))
        for text, value in zip(shown, (np.mean(before), np.mean(after), stats.ttest_rel(before, after).pvalue)):
            assert float(text) == pytest.approx(value, rel=0.05, abs=0.0051)


def test_results_against_the_trials():
    errors = trials()
    text = tables.results(','.join(runs.ARTICLE), False)
    rows = re.findall(r'^\| (conv\S+) \| (\d+) \| (\S+) ± (\S+) \|', text, re.M)
    assert {run for run, *_ in rows} == set(runs.ARTICLE)
    for run, n, mean, sd in rows:
        values = list(errors[run].values())
        assert int(n) == len(values) and float(mean) == pytest.approx(np.mean(values), abs=0.00051)
        assert float(sd) == pytest.approx(np.std(values, ddof=1), abs=0.00051)


def test_the_bench_is_that_of_its_file():
    with open(os.path.join(ROOT, 'experiments', 'results', 'bench.json')) as file:
        figures = json.load(file)
    for ja in (False, True):
        text = tables.bench(None, ja)
        for name, net in figures['nets'].items():
            (row,) = re.findall(r'^\| %s \| (.*) \|$' % name, text, re.M)
            cells = row.split(' | ')
            seconds = net['seconds_per_epoch']
            assert cells[1] == '%.2f' % seconds['project'] and cells[2] == '%.2f' % seconds['stock']
            peers = [value for peer, value in seconds.items() if peer not in ('project', 'stock')]
            assert cells[-7] == '%.2f' % (min(peers) / seconds['project'])
            assert cells[-2] == '%.0f %%' % (100 * net['gflops']['step'] / figures['peak_gflops'])
        assert figures['date'] in text and ('エポック' in text) == ja
