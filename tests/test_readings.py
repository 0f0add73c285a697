"""The measure of readings of the article, against figures worked out by hand; the files that keep their trials."""
import gzip
import math

import numpy as np
import pytest

import distances
import logs
import readings
from run.settings import SettingError
from runs import ARTICLE, PRINTED

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


def test_the_articles_lines():
    assert set(PRINTED) == set(ARTICLE)
    assert ARTICLE['conv16-ds2'].article == (0.018, 1.91, 1.81, 30 * 60 + 24)
    assert ARTICLE['conv16-ds4-relu'].article == (0.414, 1.4, 1.42, None)
    assert {name for name, log in PRINTED.items() if log.rows} == {'conv16-ds2', 'conv16-conv16-ds2', 'conv16-full400'}
    assert all(sorted(log.rows) in ([], [0, 10, 20, 30, 40, 50]) and log.test[0] == 50 for log in PRINTED.values())


def test_the_test_line_is_no_figure():
    log, = logs.parse(log_text('before', 0), 'a log')
    figures = distances.figures_of(log)
    assert sorted(figures) == [(epoch, what) for epoch in (0, 10, 50) for what in ('cost', 'train', 'valid')]
    assert figures[10, 'cost'] == math.log(0.0366) and figures[50, 'valid'] == 1.5
    assert distances.figures_of(PRINTED['conv16-ds4']) == {(50, 'train'): 0.372, (50, 'valid'): 1.43}


def distances_of(key, printed, **values):
    """{reading: |z|} of one figure."""
    found = distances.distances({'run': {key: printed}}, {
        reading: {'run': [{} if value is None else {key: value} for value in of]} for reading, of in values.items()})
    return {reading: of[('run', *key)] for reading, of in found.items()}


def test_distances_equal_those_worked_out_by_hand():
    found = distances_of((50, 'cost'), 2.0, a=(1.0, 3.0, 5.0), b=(1.0, 2.0), c=(4.0,))
    # Variances 4 and 0.5, their median 2.25, which counts for four seeds.
    assert found == pytest.approx(dict(
        a=1 / math.sqrt((2 * 4 + 4 * 2.25) / 6 * (1 + 1 / 3)),
        b=0.5 / math.sqrt((1 * 0.5 + 4 * 2.25) / 5 * (1 + 1 / 2)),
        c=2 / math.sqrt(4 * 2.25 / 4 * 2)))


def test_errors_have_at_least_their_binomial_variance():
    sd = 100 * math.sqrt(0.02 * 0.98 / 10000)                          # of 2 % of 10000 examples
    assert distances_of((50, 'valid'), 2.0, a=(1.9, 1.9))['a'] == pytest.approx(0.1 / sd / math.sqrt(1.5))
    # One of 50000, where the article has none.
    assert distances_of((50, 'train'), 0.0, a=(0.002, 0.002))['a'] == pytest.approx(1 / math.sqrt(1.5), rel=1e-4)


def test_what_most_seeds_do_not_get_to_is_as_far_as_can_be():
    found = distances_of((50, 'cost'), 1.1, holds=(1.0, 1.2, None), diverges=(1.1, None, None))
    assert found == pytest.approx({'holds': 0, 'diverges': distances.MOST}, abs=1e-9)
    assert distances_of((50, 'cost'), 99.0, far=(1.0, 1.2))['far'] == distances.MOST


def test_the_share_of_draws_is_that_of_all_draws():
    key = 50, 'cost'
    trials = {'a': {'run': [{key: 0.0}, {key: 3.0}]}, 'b': {'run': [{key: 2.0}] * 2}}
    # Means of a: 0, 1.5, 1.5, 3, as often; b is always at 2, and the wider the scale of a, the nearer it seems.
    (_, sd_a), (_, sd_b) = (of[key] for of in distances.errors_of_means({key: 1.0}, {
        reading: of['run'] for reading, of in trials.items()}).values())
    ahead = sum(abs(1.0 - mean) / sd_a < 1.0 / sd_b for mean in (0.0, 1.5, 1.5, 3.0)) / 4
    assert 0 < ahead < 1
    assert distances.share_ahead({'run': {key: 1.0}}, trials, 'a', 'b') == pytest.approx(ahead, abs=0.06)


def write(results, reading, seeds):
    for seed, log in seeds.items():
        readings.add_log(results, reading, 'conv16-ds4', seed, log)


def test_the_nearer_reading_comes_first(tmp_path):
    results = str(tmp_path / 'readings')
    near = {seed: log_text('textbook', seed, 0.37 + 0.01 * seed, 1.43) for seed in range(3)}
    write(results, 'formula=textbook', near)
    write(results, 'formula=before', {seed: log_text('before', seed, 0.02, 1.7) for seed in range(2)})
    write(results, 'eta=0.5', {seed: log_text('textbook', seed, diverged=True) for seed in range(3)})
    trials = readings.read_trials(results, ['formula=textbook', 'formula=before', 'eta=0.5', 'scale=1'])
    ranked, table = readings.ranking(trials, ['conv16-ds4', 'conv16-ds2'])
    assert ranked == ['formula=textbook', 'formula=before', 'eta=0.5']
    rows = [line.split('|') for line in table.split('\n')[2:5]]
    assert [row[2].strip() for row in rows] == ['3', '2', '3'] and [row[3].strip() for row in rows] == ['–'] * 3
    assert rows[2][4].strip() == '20.0' and rows[0][6].strip() == '+0.00'
    found = distances.distances({'conv16-ds4': {(50, 'train'): 0.372, (50, 'valid'): 1.43}}, {
        reading: {run: [distances.figures_of(log) for log in logs] for run, logs in of.items()}
        for reading, of in trials.items()})
    apart = sum(found['formula=before'].values()) - sum(found['formula=textbook'].values())
    assert rows[1][6].strip() == '%+.2f' % (apart / 2) and 'apart' not in table
    _, table = readings.ranking(trials, ['conv16-ds4'])
    assert '`formula=textbook` and `formula=before`, are %.1f apart' % apart in table
    assert 'train of conv16-ds4 at epoch 50' in table and 'ahead in 100 %' in table
    assert '| conv16-ds4 | 0.0556, 1.64 | 0.0700 ± 0.0000, 1.70 ± 0.00 | 0.0700 ± 0.0000, 1.70 ± 0.00 | – |' in \
        readings.test_lines(trials, ranked)


def test_the_trials_of_a_reading_are_one_file_without_wall_times(tmp_path):
    results = str(tmp_path)
    timed = log_text('before', 2) + '# threads: 1 wall time: 39.7 s\n'
    write(results, 'formula=before', {2: timed, 0: log_text('before', 0)})
    assert sorted(readings.texts_of(results, 'formula=before')) == [('conv16-ds4', 0), ('conv16-ds4', 2)]
    text = gzip.open(str(tmp_path / 'formula=before.log.gz'), 'rt').read()
    assert text == log_text('before', 0) + log_text('before', 2)
    assert [log.seed for log in logs.read_logs(str(tmp_path / 'formula=before.log.gz'))] == [0, 2]
    (tmp_path / 'eta=0.1.log.gz').write_bytes(b'no log')
    with pytest.raises(logs.LogError):
        readings.texts_of(results, 'eta=0.1')


def test_only_what_is_missing_is_trained(tmp_path, monkeypatch):
    import cluster
    started = []

    def run_all(client, missing, finished):
        for (name, seed), (_, run, script, arguments, *_) in missing.items():
            started.append((name, seed, run, arguments))
            failure = 'status 1' if seed == 1 else None
            finished(name, seed, (None if failure else log_text('before', seed), None, failure))
        return 1

    monkeypatch.setattr(cluster, 'connected', lambda scheduler, workers: open(__file__))
    monkeypatch.setattr(cluster, 'run_all', run_all)
    given = dict(readings.DEFAULTS, results=str(tmp_path), runs='conv16-ds4', trials=2)
    write(str(tmp_path), 'eta=0.1', {0: log_text('textbook', 0)})
    assert readings.train_missing(given, ['eta=0.1', 'formula=before,order=once']) == 1
    pair = 'formula=before,order=once conv16-ds4'
    assert started == [(pair, 0, 'conv16-ds4', ['ds1=(4, 4)', 'formula=before', 'order=once']),
                       ('eta=0.1 conv16-ds4', 1, 'conv16-ds4', ['ds1=(4, 4)', 'eta=0.1']),
                       (pair, 1, 'conv16-ds4', ['ds1=(4, 4)', 'formula=before', 'order=once'])]
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


def test_settings_of_a_reading_are_joined_by_commas(capsys):
    with pytest.raises(SettingError, match="readings = 'mean=False softmax=0.02': must be readings, separated by"):
        readings.main(['readings=mean=False softmax=0.02'])
