"""The measure of readings of the article, against figures worked out by hand; the files that keep their trials."""
import gzip
import math

import numpy as np
import pytest

import logs
import readings
from runs import ARTICLE

LOG = '''\
# reading: formula=%(formula)s
# data: MNIST
# seed: %(seed)d theano: 1.0.5 numpy: 1.23.5
### 2-layer convnet
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (4, 4) H: 576
# H: 576
### training: NL = 50000 NV = 10000 K = 10 batchsize = 100
0 2.30212 90.0 90.0
10 0.0366 1.2 1.6
%(rest)s# run: conv16-ds4
'''
END = '50 0.02 %g %g\n# NT = 10000\n50 0.07 %g %g 1.7\n'


def log_text(formula, seed, train=0.4, valid=1.5, diverged=False):
    rest = '# diverged: the cost is nan\n' if diverged else END % (2 * (train, valid))
    return LOG % dict(formula=formula, seed=seed, rest=rest)


def test_the_articles_lines_are_those_of_its_runs():
    printed = readings.as_article()
    assert list(printed) == list(ARTICLE)
    for name, run in ARTICLE.items():
        assert printed[name].test[2:] == run.article[:3] and printed[name].wall_seconds == run.article.wall
    assert {name for name, log in printed.items() if log.rows} == {'conv16-ds2', 'conv16-conv16-ds2', 'conv16-full400'}


def test_the_test_line_is_no_figure():
    log, = logs.parse(log_text('before', 0), 'a log')
    figures = readings.figures_of(log)
    assert sorted(figures) == [(epoch, what) for epoch in (0, 10, 50) for what in ('cost', 'train', 'valid')]
    assert figures[10, 'cost'] == math.log(0.0366) and figures[50, 'valid'] == 1.5
    assert readings.figures_of(readings.as_article()['conv16-ds4']) == {(50, 'train'): 0.372, (50, 'valid'): 1.43}


def test_distances_equal_those_worked_out_by_hand():
    values = {'a': [{(50, 'cost'): value} for value in (1.0, 3.0, 5.0)], 'b': [{(50, 'cost'): value} for value in (1.0, 2.0)],
              'c': [{(50, 'cost'): 4.0}]}
    found = readings.distances({(50, 'cost'): 2.0}, values)
    # Variances 4 and 0.5, their median 2.25, which counts for four seeds.
    assert found['a'][50, 'cost'] == pytest.approx(1 / math.sqrt((2 * 4 + 4 * 2.25) / 6 * (1 + 1 / 3)))
    assert found['b'][50, 'cost'] == pytest.approx(0.5 / math.sqrt((1 * 0.5 + 4 * 2.25) / 5 * (1 + 1 / 2)))
    assert found['c'][50, 'cost'] == pytest.approx(2 / math.sqrt(2.25 * 2))


def test_errors_have_at_least_their_binomial_variance():
    values = {'a': [{(50, 'valid'): 1.0}] * 2}
    sd = 100 * math.sqrt(0.02 * 0.98 / 10000)                          # of 2 % of 10000 examples
    assert readings.distances({(50, 'valid'): 2.0}, values)['a'][50, 'valid'] == pytest.approx(1 / sd / math.sqrt(1.5))
    none = {'a': [{(50, 'train'): 0.002}] * 2}                         # one of 50000, where the article has none
    assert readings.distances({(50, 'train'): 0.0}, none)['a'][50, 'train'] == pytest.approx(1 / math.sqrt(1.5), rel=1e-4)


def test_what_most_seeds_do_not_get_to_is_as_far_as_can_be():
    there, absent = {(50, 'cost'): 1.0, (0, 'cost'): 2.3}, {(0, 'cost'): 2.31}
    values = {'holds': [there, {(50, 'cost'): 1.2, (0, 'cost'): 2.3}, absent], 'diverges': [there, absent, absent]}
    found = readings.distances({(50, 'cost'): 1.1, (0, 'cost'): 2.3}, values)
    assert found['diverges'][50, 'cost'] == readings.MOST and found['holds'][50, 'cost'] < 0.1
    assert readings.distances({(50, 'cost'): 99.0}, values)['holds'][50, 'cost'] == readings.MOST


def write(results, reading, seeds):
    for seed, log in seeds.items():
        readings.add_log(results, reading, 'conv16-ds4', seed, log)


def test_the_nearer_reading_comes_first(tmp_path):
    results = str(tmp_path / 'readings')
    write(results, 'formula=textbook', {seed: log_text('textbook', seed, 0.37 + 0.01 * seed, 1.43) for seed in range(3)})
    write(results, 'formula=before', {seed: log_text('before', seed, 0.02, 1.7) for seed in range(2)})
    write(results, 'eta=0.5', {seed: log_text('textbook', seed, diverged=True) for seed in range(3)})
    trials = readings.read_trials(results, ['formula=textbook', 'formula=before', 'eta=0.5', 'scale=1'])
    ranked, table = readings.ranking(trials, ['conv16-ds4', 'conv16-ds2'])
    assert ranked == ['formula=textbook', 'formula=before', 'eta=0.5']
    rows = [line.split('|') for line in table.split('\n')[2:5]]
    assert [row[2].strip() for row in rows] == ['3', '2', '3'] and [row[3].strip() for row in rows] == ['–'] * 3
    assert rows[2][4].strip() == '20.0' and rows[0][6].strip() == '+0.00'
    found = [readings.distances({(50, 'train'): 0.372, (50, 'valid'): 1.43}, {
        reading: [readings.figures_of(log) for log in of['conv16-ds4']] for reading, of in trials.items()})[reading]
        for reading in ranked[:2]]
    apart = sum(found[1].values()) - sum(found[0].values())
    assert float(rows[1][6]) == pytest.approx(apart / 2, abs=0.005) and '%.1f apart' % apart in table
    assert 'train of conv16-ds4 at epoch 50' in table and 'ahead in 100 %' in table
    assert '| conv16-ds4 | 0.0556, 1.64 | 0.0700 ± 0.0000, 1.70 ± 0.00 | 0.0700 ± 0.0000, 1.70 ± 0.00 | – |' in \
        readings.test_lines(trials, ranked)


def test_the_trials_of_a_reading_are_one_file_without_wall_times(tmp_path):
    results = str(tmp_path)
    write(results, 'formula=before', {2: log_text('before', 2) + '# threads: 1 wall time: 39.7 s\n', 0: log_text('before', 0)})
    assert sorted(readings.texts_of(results, 'formula=before')) == [('conv16-ds4', 0), ('conv16-ds4', 2)]
    text = gzip.open(str(tmp_path / 'formula=before.log.gz'), 'rt').read()
    assert text == log_text('before', 0) + log_text('before', 2)
    assert [log.seed for log in logs.read_logs(str(tmp_path / 'formula=before.log.gz'))] == [0, 2]
    (tmp_path / 'eta=0.1.log.gz').write_bytes(b'no log')
    with pytest.raises(logs.LogError):
        readings.texts_of(results, 'eta=0.1')


def test_only_what_is_missing_is_trained(tmp_path, monkeypatch):
    import trials
    started = []

    def run_all(client, missing, finished):
        for (name, seed), (_, run, script, arguments, *_) in missing.items():
            started.append((name, seed, run, arguments))
            failure = 'status 1' if seed == 1 else None
            finished(name, seed, (None if failure else log_text('before', seed), None, failure))
        return 1

    monkeypatch.setattr(trials, 'connected', lambda scheduler, workers: open(__file__))
    monkeypatch.setattr(trials, 'run_all', run_all)
    given = dict(readings.DEFAULTS, results=str(tmp_path), runs='conv16-ds4', trials=2)
    write(str(tmp_path), 'eta=0.1', {0: log_text('textbook', 0)})
    assert readings.train_missing(given, ['eta=0.1', 'formula=before,order=once']) == 1
    assert started == [('formula=before,order=once conv16-ds4', 0, 'conv16-ds4', ['ds1=(4, 4)', 'formula=before', 'order=once']),
                       ('eta=0.1 conv16-ds4', 1, 'conv16-ds4', ['ds1=(4, 4)', 'eta=0.1']),
                       ('formula=before,order=once conv16-ds4', 1, 'conv16-ds4', ['ds1=(4, 4)', 'formula=before', 'order=once'])]
    assert sorted(readings.read_trials(str(tmp_path), ['eta=0.1', 'formula=before,order=once'])) == [
        'eta=0.1', 'formula=before,order=once']


def test_the_picture_has_the_articles_points_over_every_seeds_curve(tmp_path):
    pytest.importorskip('matplotlib')
    results = str(tmp_path)
    write(results, 'formula=textbook', {seed: log_text('textbook', seed) for seed in range(2)})
    write(results, 'eta=0.5', {0: log_text('textbook', 0, diverged=True)})
    trials = readings.read_trials(results, ['formula=textbook', 'eta=0.5'])
    figure = readings.figure_of(trials, list(trials))
    panels = np.array(figure.axes).reshape(3, 8)
    assert [panel.get_title() for panel in panels[0]] == list(ARTICLE)
    lines = panels[2, list(ARTICLE).index('conv16-ds4')].lines
    assert [list(line.get_ydata()) for line in lines] == [[1.6], [1.6, 1.5], [1.6, 1.5], [1.43]]
    assert list(panels[0, 0].lines[-1].get_ydata()) == pytest.approx(
        [0.0379495452887, 0.021452008206, 0.0169548339162, 0.00591079987465, 0.0018925089269], rel=1e-12)
