"""Printed logs as the article and the scripts print them, read back; what is not a log, told by file and line."""
import ast
import gzip

import pytest

from conftest import run_script
from helpers_data import arrays, write_folder
from helpers_logs import ARTICLE_16_DS2, ARTICLE_64_DS4, ARTICLE_CONV_CONV, ARTICLE_FULL400, ARTICLE_RELU, printed, save
import logs


def test_the_articles_whole_log(tmp_path):
    path = save(tmp_path, 'article.log', ARTICLE_16_DS2)
    (log,) = logs.read_logs(path)
    assert log == logs.Log(
        name=path, run=None, seed=None, source=None, NL=50000, NV=10000, NT=10000, settings=None,
        wall_seconds=30 * 60 + 24, batchsize=100,
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
    assert found[0].hyperparameters == {'W1nch': 16, 'seed': 3} and found[1].hyperparameters is None
    assert [log.test and log.test[4] for log in found] == [2.0, 1.5, None, 1.0]
    assert found[2].rows == {0: (2.30130529881, 90.11, 90.42), 1: (0.125, 0.5, 2.0)}


@pytest.mark.parametrize('typed, settings', [
    ('none', {}), ('W1nch=64 "ds1=(4,4)" afunc1=ReLu eta=0.25 withBias=True',
                   {'W1nch': 64, 'ds1': (4, 4), 'afunc1': 'ReLu', 'eta': 0.25, 'withBias': True}),
    ("'data=/my digits' hidden=conv-full", {'data': '/my digits', 'hidden': 'conv-full'})])
def test_the_settings_are_those_that_were_typed(tmp_path, typed, settings):
    found = logs.read_logs(save(tmp_path, 'a.log', printed(2.0, settings=typed) + printed(1.9, 1)))
    assert [log.settings for log in found] == [settings, None] and found[0].hyperparameters is None


def test_settings_in_json_as_earlier_trials_have_them(tmp_path):
    text = printed(2.0, run='a').replace('# hyperparameters:', '# settings:') + printed(1.9, 1, settings='eta=1')
    first, second = logs.read_logs(save(tmp_path, 'a.log', text))
    assert (first.settings, first.hyperparameters) == (None, {'W1nch': 16, 'seed': 0}) and second.settings == {'eta': 1}


def test_a_layer_s_own_line_is_part_of_the_header(tmp_path):
    line = '# MaxoutLayer(D 256 -> H 40, k 2)'
    (log,) = logs.read_logs(save(tmp_path, 'a.log', ARTICLE_16_DS2.replace('# H: 2304', line)))
    assert log.header[2] == line and log.test[4] == 1.81


@pytest.mark.parametrize('text, seconds', [
    ('39.7 s', 39.7), ('1h 59min 21s', 7161), ('1d 2h 3min 4s', 93784), ('312 ms', 0.312), ('7 µs', 7e-6)])
def test_wall_times(tmp_path, text, seconds):
    (log,) = logs.read_logs(save(tmp_path, 'a.log', ARTICLE_RELU + 'Wall time: %s\n' % text))
    assert log.wall_seconds == pytest.approx(seconds)


@pytest.mark.parametrize('NV', [100, 0])
def test_what_the_script_prints_is_read(tmp_path, NV):
    """A real process; its stderr, too, as `2>&1` mixes them."""
    folder = write_folder(tmp_path, *arrays((12, 10), NL=600, NT=50))
    run = run_script('data=' + folder, 'NL=500', 'NV=%d' % NV, 'W1nch=2', 'ds1=(4,4)', 'nepoch=1', 'seed=7',
                     'interval=1')
    assert run.returncode == 0, run.stderr
    (log,) = logs.read_logs(save(tmp_path, 'small.log.gz', run.stdout + run.stderr))
    assert (log.seed, log.source, log.NL, log.NV, log.NT) == (7, folder, 500, NV, 50)
    assert log.settings == {'data': folder, 'NL': 500, 'NV': NV, 'W1nch': 2, 'ds1': (4, 4), 'nepoch': 1, 'seed': 7,
                            'interval': 1}
    last = run.stdout.split('\n')[-2].replace('nan', 'None').split()
    assert log.test == tuple(map(ast.literal_eval, last)) and list(log.rows) == [0, 1]
    assert (log.rows[0][2] is None) == (NV == 0)
    assert log.wall_seconds > 0


@pytest.mark.parametrize('old, new, number, words', [
    ('10 0.0379495452887 1.21 1.97', '10 0.03794954x2887 1.21 1.97', 7, 'neither a result nor a comment'),
    ('10 0.0379495452887 1.21 1.97', '10 0.0379495452887 1.21', 7, 'neither a result nor a comment'),
    ('10 0.0379495452887 1.21 1.97', '10 nan 1.21 1.97', 7, 'neither a result nor a comment'),
    ('10 0.0379495452887 1.21 1.97', '10 1e+999 1.21 1.97', 7, 'errors must be 0 to 100 %, the cost a finite number'),
    ('10 0.0379495452887 1.21 1.97', '10 0.0379495452887 121.0 1.97', 7, 'errors must be 0 to 100 %'),
    ('10 0.0379495452887 1.21 1.97', '10 0.0379495452887 1.21 1', 7, 'neither a result nor a comment'),
    ('0.0379495452887 1.21 1.97', '0.0379495452887 1.21 nan', 7, 'nan where NV = 0, and nowhere else'),
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
    ('### 2-layer', '# hyperparameters: {"eta": \n### 2-layer', 2, 'Expecting value'),
    ('### 2-layer', '# hyperparameters: 3\n### 2-layer', 2, 'not a dictionary'),
    ('### 2-layer', '# settings: ' + '[' * 100000 + '\n### 2-layer', 2, 'not name=value'),
    ('### 2-layer', '# settings: "ds1=(4,4)\n### 2-layer', 2, 'No closing quotation'),
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


def test_packed_logs_are_found_by_seed(tmp_path):
    texts = {seed: '# seed: %d theano: 1.0.5\n%s' % (seed, ARTICLE_16_DS2) for seed in (3, 1, 2)}
    packed, path = logs.pack_logs(texts), tmp_path / 'trials.log.gz'
    path.write_bytes(packed)
    assert logs.read_packed(str(path)) == texts
    assert [log.seed for log in logs.read_logs(str(path))] == [1, 2, 3]
    for damaged in packed[:-5], packed[:50] + bytes(20) + packed[70:], packed + b'more':
        path.write_bytes(damaged)
        with pytest.raises(logs.LogError, match='trials.log.gz: '):
            logs.read_packed(str(path))
