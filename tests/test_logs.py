"""Printed logs as the article and the scripts print them, read back; what is not a log, told by file and line."""
import gzip
import json
import os
import sys

import pytest

from conftest import ROOT, run_script
from helpers_data import arrays, write_folder

sys.path.insert(0, os.path.join(ROOT, 'experiments'))
import logs  # noqa: E402

# The article's lines, as it gives them.
ARTICLE_16_DS2 = '''\
In [2]: %time %run mnist_convnet0207.py
### 2-layer convnet
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H: 2304
# H: 2304
### training: NL = 50000 NV = 10000 K = 10 batchsize = 100
0 2.30414773606 90.966 90.73
10 0.0379495452887 1.21 1.97
20 0.021452008206 0.654 1.83
30 0.0169548339162 0.58 2.07
40 0.00591079987465 0.144 1.87
50 0.0018925089269 0.018 1.91
# NT = 10000
50 0.0855781332512 0.018 1.91 1.81
CPU times: user 30min 38s, sys: 19 s, total: 30min 57s
Wall time: 30min 24s
'''
ARTICLE_64_DS4 = '''\
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 64 ds1: (4, 4) H: 2304
中略
50 0.0471418802848 0.034 1.16 1.38
CPU times: user 1h 49min, sys: 2min 9s, total: 1h 51min 10s
Wall time: 1h 50min 42s
'''
ARTICLE_RELU = '''\
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (4, 4) H: 576
中略
50 0.0536758042328 0.414 1.4 1.42
'''
ARTICLE_CONV_CONV = '''\
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (4, 4) H1: 576
# W2dim: (5, 5) W2nch: 16 ds2: (4, 4) H2: 16
中略
50 0.069687151596 0.0 1.34 1.28
CPU times: user 52min 11s, sys: 1min 58s, total: 54min 9s
Wall time: 54min 9s
'''
ARTICLE_FULL400 = '''\
### 3-layer\x20
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (4, 4) H1: 576
# H2: 400
### training: NL = 50000 NV = 10000 K = 10 batchsize = 100
0 2.30465530719 90.468 90.71
10 0.0105110151366 0.29 1.18
20 0.001184633703 0.012 0.96
30 0.000609231586144 0.008 0.99
40 0.000216548649597 0.0 0.92
50 0.000150985761616 0.0 0.93
# NT = 10000
50 0.0332950428917 0.0 0.93 0.78
CPU times: user 29min 35s, sys: 20.6 s, total: 29min 56s
Wall time: 27min 18s
'''


def printed(test, seed=0, valid=2.0, train=0.5, data='MNIST', NT=10000, run=None, W1nch=16):
    """A log of two epochs as the scripts print it; with run, one of a trial; with test None, one that was stopped."""
    lines = ['# data: %s' % data] + ['# seed: %s theano: 1.0.5 numpy: 1.23.5' % seed] * (seed is not None) + [
        '### 2-layer convnet', '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: %d ds1: (2, 2) H: 2304' % W1nch,
        '# H: 2304',
        '### training: NL = 50000 NV = 10000 K = 10 batchsize = 100',
        '0 2.30130529881 90.11 90.42', '1 0.125 %r %r' % (train, valid)]
    if test is not None:
        lines += ['# NT = %d' % NT, '1 0.145825453382 %r %r %r' % (train, valid, test)]
        lines += ['# data: %s' % data] * ('not MNIST' in data)
    if run:
        lines += ['# run: %s' % run, '# settings: %s' % json.dumps({'W1nch': W1nch, 'seed': seed}),
                  '# versions: python 3.11.9', '# machine: 2 cores', '# threads: 1 wall time: 39.7 s']
    return '\n'.join(lines) + '\n'


def save(folder, name, text):
    """Writes a text to a file in the folder, packed where its name ends with .gz; returns the path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith('.gz') else text.encode())
    return str(path)


def test_the_articles_whole_log(tmp_path):
    path = save(tmp_path, 'article.log', ARTICLE_16_DS2)
    (log,) = logs.read_logs(path)
    assert log == logs.Log(
        name=path, run=None, seed=None, source=None, NL=50000, NV=10000, NT=10000, settings=None,
        wall_seconds=30 * 60 + 24,
        header=['### 2-layer convnet', '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H: 2304',
                '# H: 2304'],
        rows={0: (2.30414773606, 90.966, 90.73), 10: (0.0379495452887, 1.21, 1.97), 20: (0.021452008206, 0.654, 1.83),
              30: (0.0169548339162, 0.58, 2.07), 40: (0.00591079987465, 0.144, 1.87),
              50: (0.0018925089269, 0.018, 1.91)},
        test=(50, 0.0855781332512, 0.018, 1.91, 1.81))


@pytest.mark.parametrize('text, test, seconds, header', [
    (ARTICLE_64_DS4, (50, 0.0471418802848, 0.034, 1.16, 1.38), 110 * 60 + 42, 1),
    (ARTICLE_RELU, (50, 0.0536758042328, 0.414, 1.4, 1.42), None, 1),
    (ARTICLE_CONV_CONV, (50, 0.069687151596, 0.0, 1.34, 1.28), 54 * 60 + 9, 2)])
def test_the_articles_logs_with_lines_left_out(tmp_path, text, test, seconds, header):
    (log,) = logs.read_logs(save(tmp_path, 'a.log', text))
    assert (log.rows, log.test, log.wall_seconds, log.NT, log.NL) == ({}, test, seconds, None, None)
    assert log.header == text.split('\n')[:header]


def test_several_logs_in_one_file_with_prose_between(tmp_path):
    text = [ARTICLE_16_DS2, '\n\nW1nch のみ 16 から 64 に\n', ARTICLE_64_DS4, '2015-02-10 追記\n', ARTICLE_RELU,
            ARTICLE_FULL400]
    found = logs.read_logs(save(tmp_path, 'article.txt', ''.join(text)))
    assert [log.test[4] for log in found] == [1.81, 1.38, 1.42, 0.78]
    assert [log.wall_seconds for log in found] == [1824, 6642, None, 1638]
    assert [log.header[0] for log in found][3] == '### 3-layer' and found[3].header[2] == '# H2: 400'
    assert found[3].rows[40] == (0.000216548649597, 0.0, 0.92)


def test_lines_of_ours_belong_to_the_right_log(tmp_path):
    text = [printed(2.0, seed=3, data='drawn digits, not MNIST', run='a'), printed(1.5, seed=4),
            printed(None, seed=5, run='c'), printed(1.0, seed=6)]
    found = logs.read_logs(save(tmp_path, 'four.log', ''.join(text)))
    assert [(log.seed, log.source, log.run) for log in found] == [
        (3, 'drawn digits, not MNIST', 'a'), (4, 'MNIST', None), (5, 'MNIST', 'c'), (6, 'MNIST', None)]
    assert [log.wall_seconds for log in found] == [39.7, None, 39.7, None]
    assert found[0].settings == {'W1nch': 16, 'seed': 3} and found[1].settings is None
    assert [log.test and log.test[4] for log in found] == [2.0, 1.5, None, 1.0]
    assert found[2].rows == {0: (2.30130529881, 90.11, 90.42), 1: (0.125, 0.5, 2.0)}


@pytest.mark.parametrize('text, seconds', [
    ('39.7 s', 39.7), ('1h 59min 21s', 7161), ('1d 2h 3min 4s', 93784), ('312 ms', 0.312), ('7 µs', 7e-6)])
def test_wall_times(tmp_path, text, seconds):
    (log,) = logs.read_logs(save(tmp_path, 'a.log', ARTICLE_RELU + 'Wall time: %s\n' % text))
    assert log.wall_seconds == pytest.approx(seconds)


def test_what_the_script_prints_is_read(tmp_path):
    """A real process; its stderr, too, as `2>&1` mixes them."""
    folder = write_folder(tmp_path, *arrays((12, 10), NL=600, NT=50))
    run = run_script('data=' + folder, 'NL=500', 'W1nch=2', 'ds1=(4,4)', 'nepoch=1', 'seed=7')
    assert run.returncode == 0, run.stderr
    (log,) = logs.read_logs(save(tmp_path, 'small.log.gz', run.stdout + run.stderr))
    assert (log.seed, log.source, log.NL, log.NV, log.NT) == (7, folder, 500, 100, 50)
    last = run.stdout.split('\n')[-2].split()
    assert log.test == tuple([int(last[0])] + [float(column) for column in last[1:]]) and list(log.rows) == [0, 1]
    assert log.wall_seconds > 0


@pytest.mark.parametrize('old, new, number, words', [
    ('10 0.0379495452887 1.21 1.97', '10 0.03794954x2887 1.21 1.97', 7, 'neither a result nor a comment'),
    ('10 0.0379495452887 1.21 1.97', '10 0.0379495452887 1.21', 7, 'neither a result nor a comment'),
    ('10 0.0379495452887 1.21 1.97', '10 nan 1.21 1.97', 7, 'neither a result nor a comment'),
    ('10 0.0379495452887 1.21 1.97', '10 1e+999 1.21 1.97', 7, 'errors must be 0 to 100 %, the cost a finite number'),
    ('10 0.0379495452887 1.21 1.97', '10 0.0379495452887 121.0 1.97', 7, 'errors must be 0 to 100 %'),
    ('10 0.0379495452887 1.21 1.97', '10 0.0379495452887 1.21 1', 7, 'neither a result nor a comment'),
    ('20 0.0214', '10 0.0214', 8, 'comes after epoch 10'),
    ('20 0.0214', '5 0.0214', 8, 'comes after epoch 10'),
    ('20 0.0214', 'a thought\n20 0.0214', 8, "'a thought': neither a result nor a comment of this log"),
    ('20 0.0214', '# a thought\n20 0.0214', 8, 'neither a result nor a comment of this log'),
    ('NL = 50000', 'NL = 5oooo', 5, 'neither a result nor a comment'),
    ('# NT = 10000', '# NT = 0', 12, 'neither a result nor a comment'),
    ('# NT = 10000', '# NT = 130', 13, '1.81 % of NT = 130 is not a whole number of errors'),
    ('1.91 1.81', '1.92 1.81', 13, 'the errors in training and validation are not those of the line for epoch 50'),
    ('50 0.08557', '49 0.08557', 13, 'comes after epoch 50'),
    ('1.91 1.81', '1.91 1.81\n50 0.0855781332512 0.018 1.91 1.81', 14, 'a result outside of a log'),
    ('30min 24s', 'long', 15, 'not a time'),
    ('### 2-layer', '# seed: zero\n### 2-layer', 2, 'invalid literal'),
    ('### 2-layer', '# settings: {"eta": \n### 2-layer', 2, 'Expecting value'),
    ('### 2-layer', '# settings: 3\n### 2-layer', 2, 'not a dictionary'),
    ('### 2-layer', '# settings: ' + '[' * 100000 + '\n### 2-layer', 2, 'recursion'),
])
def test_a_malformed_line_is_named(tmp_path, old, new, number, words):
    assert old in ARTICLE_16_DS2
    path = save(tmp_path, 'bad.log', ARTICLE_16_DS2.replace(old, new))
    with pytest.raises(logs.LogError) as error:
        logs.read_logs(path)
    assert str(error.value).startswith('%s, line %d: ' % (path, number)) and words in str(error.value)
    assert len(str(error.value)) < len(path) + 250 and '\n' not in str(error.value)


def test_every_truncation_is_read_as_far_as_it_goes_or_refused_in_one_line(tmp_path):
    for length in range(len(ARTICLE_16_DS2)):
        try:
            (log,) = logs.read_logs(save(tmp_path, 'cut.log', ARTICLE_16_DS2[:length]))
        except logs.LogError as error:
            assert '\n' not in str(error)
        else:
            assert log.rows and (log.test is None) == (length < ARTICLE_16_DS2.index(' 1.81\n') + len(' 1.8'))


def test_without_NT_only_MNIST_is_understood(tmp_path):
    path = save(tmp_path, 'a.log', '# data: digits of mine\n' + ARTICLE_RELU)
    with pytest.raises(logs.LogError, match='line 4: .*: no line # NT = above it'):
        logs.read_logs(path)


def test_files_that_are_no_logs(tmp_path):
    packed = gzip.compress(ARTICLE_16_DS2.encode())
    for name, body, words in [
            ('none', None, 'No such file or directory'),
            ('empty', b'', 'not a log: empty'), ('blank', b' \n\n', 'not a log: empty'),
            ('prose.log', b'Once upon a time\n', 'not a log: no result below a ### or # Xdim: line'),
            ('title.log', b'### 2-layer convnet\n', 'not a log: no result below ### 2-layer convnet'),
            ('binary.log', packed, 'not a log: not UTF-8 text'),
            ('plain.log.gz', ARTICLE_16_DS2.encode(), 'Not a gzipped file'),
            ('cut.log.gz', packed[:-30], 'ended before the end-of-stream marker'),
            ('broken.log.gz', packed[:40] + bytes(20) + packed[60:], ''),
            ('large.log.gz', gzip.compress(b' ' * 2**24 + b'ab'), 'not a log: longer than 16777216 bytes')]:
        path = tmp_path / name
        if body is not None:
            path.write_bytes(body)
        with pytest.raises(logs.LogError) as error:
            logs.read_logs(path)
        assert str(error.value).startswith('%s: ' % path) and words in str(error.value), name


def test_groups_of_files_folders_and_folders_of_folders(tmp_path):
    for seed in (0, 1, 10):
        save(tmp_path, 'all/conv16/seed-%d.log.gz' % seed, printed(2.0, seed, run='conv16-ds2'))
        save(tmp_path, 'all/other/seed-%d.log' % seed, printed(1.9, seed))
    save(tmp_path, 'all/notes/readme.txt', 'no log')
    file = save(tmp_path, 'A.log', printed(1.5) + printed(1.6, seed=1))
    found = logs.groups([str(tmp_path / 'all'), file])
    assert [(group.name, sorted(log.seed for log in group.logs)) for group in found] == [
        ('conv16-ds2', [0, 1, 10]), ('other', [0, 1, 10]), ('A', [0, 1])]
    assert [group.name for group in logs.groups([str(tmp_path / 'all' / 'other')])] == ['other']


@pytest.mark.parametrize('files, names', [
    (['old/a/x.log', 'new/a/x.log.gz', 'b.log'], ['old/a/x', 'new/a/x', 'b']),
    (['x/a.log', 'x/b.log'], ['a', 'b']),
    (['x/run.log', 'y/run.log'], ['x/run', 'y/run']),
])
def test_names_tell_groups_apart(tmp_path, files, names):
    assert [group.name for group in logs.groups([save(tmp_path, name, printed(2.0)) for name in files])] == names


def test_the_same_run_in_two_folders_is_named_by_the_folders(tmp_path):
    for folder in ('old', 'new'):
        save(tmp_path, folder + '/seed-0.log', printed(2.0, run='conv16-ds2'))
    assert [g.name for g in logs.groups([str(tmp_path / 'old'), str(tmp_path / 'new')])] == ['old', 'new']
    paths = [save(tmp_path, 'a.log', printed(2.0)), save(tmp_path, 'a.log.gz', printed(2.0))]
    assert [g.name for g in logs.groups(paths)] == paths


def test_groups_that_make_no_sense(tmp_path):
    with pytest.raises(logs.LogError, match='neither this folder nor a folder in it has a'):
        logs.groups([str(tmp_path)])
    path = save(tmp_path, 'a.log', printed(2.0))
    with pytest.raises(logs.LogError, match='a.log: given twice'):
        logs.groups([path, os.path.join(str(tmp_path), '.', 'a.log')])
    for name, other, words in [('net', printed(2.0, 1, W1nch=64), 'W1nch: 16 .*; .* W1nch: 64'),
                               ('data', printed(2.0, 1, data='drawn, not MNIST'), 'MNIST; drawn, not MNIST'),
                               ('NT', printed(2.0, 1, NT=5000), '10000; 5000'),
                               ('nepoch', printed(2.0, 1).replace('\n1 ', '\n2 '), '1; 2')]:
        with pytest.raises(logs.LogError, match='its logs differ in %s .*%s.* by seed only' % (name, words)):
            logs.groups([save(tmp_path, 'two.log', printed(2.0) + other)])
    settings = [printed(2.0, seed, run='a').replace('"W1nch"', '"eta": %g, "W1nch"' % eta)
                for seed, eta in ((0, 0.5), (1, 0.1))]
    with pytest.raises(logs.LogError, match=r'its logs differ in eta \(0.1; 0.5\)'):
        logs.groups([save(tmp_path, 'two.log', ''.join(settings))])


def test_errors_by_epoch_take_what_is_there(tmp_path):
    (group,) = logs.groups([save(tmp_path, 'a.log', printed(1.5, 0, valid=2.0) + printed(None, 1, valid=3.0))])
    assert logs.by_epoch(group) == {0: ([90.11, 90.11], [90.42, 90.42]), 1: ([0.5, 0.5], [2.0, 3.0])}
    (group,) = logs.groups([save(tmp_path, 'b.log', ARTICLE_64_DS4)])
    assert logs.by_epoch(group) == {50: ([0.034], [1.16])}


@pytest.mark.parametrize('readme', ['README.md', 'README.ja.md'])
def test_the_log_in_the_readme_is_that_of_the_trial(readme):
    with open(os.path.join(ROOT, readme), encoding='utf-8') as file:
        shown = file.read().partition('<!-- log: conv16-ds2 -->\n```\n')[2].partition('```\n')[0]
    with gzip.open(os.path.join(ROOT, 'experiments', 'results', 'logs', 'conv16-ds2', 'seed-0.log.gz'), 'rt') as file:
        assert shown and file.read().startswith(shown + '# versions: ')
