"""The differences by hand and against SciPy; words, table and errors as users see them, from processes of their own."""
import math
import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy import stats

from conftest import ROOT, run_script
from helpers_logs import ARTICLE_16_DS2, ARTICLE_64_DS4, ARTICLE_CONV_CONV, ARTICLE_FULL400, ARTICLE_RELU, printed, save
import compare
from groups import Group
from logs import Log

COMPARE = os.path.join('experiments', 'compare.py')


def group(name, counts, seeds=None, NT=10000):
    """A group with these numbers of test errors."""
    return Group(name, [
        Log(name=name, seed=seed, source='MNIST', header=[], NT=NT, rows={}, test=(50, 0.1, 0.0, 1.9, 100 * n / NT))
        for n, seed in zip(counts, range(len(counts)) if seeds is None else seeds)])


def test_one_run_each_by_hand():
    """1.81 and 1.38 % of 10000: variances 0.0181 * 0.9819 / 10000 and 0.0138 * 0.9862 / 10000."""
    c = compare.compare(group('conv16-ds2', [181]), group('conv64-ds4', [138]))
    z = 0.0043 / math.sqrt(1.777239e-6 + 1.360956e-6)
    assert c.d == pytest.approx(-0.43) and c.error == c.binomial == pytest.approx(0.1771495, rel=1e-6)
    assert c.p == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-6)
    assert compare.in_words(c, 0.05) == (
        'conv64-ds4 has fewer test errors than conv16-ds2: 1.38 % against 1.81 %, difference 0.43 +- 0.18 '
        '(binomial error, one run each, z = -2.43, p = 0.0152); other seeds may say otherwise')
    assert compare.in_words(c, 0.01) == (
        'no difference to be seen with one run each: conv64-ds4 1.38 % against conv16-ds2 1.81 %, '
        'difference -0.43 +- 0.18 (binomial error, one run each, z = -2.43, p = 0.0152)')


def test_the_same_seeds_are_paired_in_any_order():
    """Differences -10 -5 -10 -5: mean -7.5, standard error 5 / sqrt(12); p in closed form for 3 degrees of freedom."""
    c = compare.compare(group('A', [190, 185, 180, 185]), group('B', [180, 170, 180, 180], seeds=[3, 2, 1, 0]))
    t = 7.5 / (5 / math.sqrt(12)) / math.sqrt(3)
    assert c.d == pytest.approx(-0.075) and c.error == pytest.approx(0.05 / math.sqrt(12))
    assert c.p == pytest.approx(1 - 2 / math.pi * (t / (1 + t**2) + math.atan(t)), rel=1e-9)
    assert compare.in_words(c, 0.05) == (
        'B has fewer test errors than A: 1.77 % against 1.85 %, difference 0.07 +- 0.01 '
        '(paired t-test, 4 seeds, p = 0.0138; binomial error 0.19)')


def test_other_seeds_by_hand():
    """Means 182 and 172, variances 8: 2 degrees of freedom, p = 1 - t / sqrt(2 + t^2)."""
    c = compare.compare(group('A', [180, 184]), group('B', [170, 174], seeds=[1, 2]))
    t = 10 / math.sqrt(8)
    assert c.how == 'Welch\'s t-test' and c.error == pytest.approx(math.sqrt(8) / 100)
    assert c.p == pytest.approx(1 - t / math.sqrt(2 + t**2), rel=1e-9)
    assert compare.in_words(c, 0.05).startswith(
        'no difference to be seen with 2 and 2 seeds: B 1.72 % against A 1.82 %, difference -0.10 +- 0.03 (Welch')


@pytest.mark.parametrize('turned', [False, True])
def test_one_run_and_several_by_hand(turned):
    """Mean 184, standard deviation 4, n = 3; 190 is t = 6 / (4 sqrt(4/3)) away."""
    sides = [group('ours', [180, 184, 188]), group('article', [190], seeds=[None])]
    c = compare.compare(*(sides[::-1] if turned else sides))
    t = 6 / (4 * math.sqrt(4 / 3))
    assert c.d == pytest.approx(-0.06 if turned else 0.06) and c.error == pytest.approx(0.04 * math.sqrt(4 / 3))
    assert c.p == pytest.approx(1 - t / math.sqrt(2 + t**2), rel=1e-9)
    assert '(prediction interval, one run and 3 seeds, p = 0.324; binomial error 0.19)' in compare.in_words(c, 0.05)


def test_against_scipy_on_errors_in_percent(rng):
    for _ in range(20):
        a, b = rng.binomial(10000, 0.018, 10), rng.binomial(10000, 0.016, 10)
        paired, welch = (compare.compare(group('A', a), group('B', b[:n])) for n in (10, 7))
        assert paired.p == pytest.approx(stats.ttest_1samp(b / 100 - a / 100, 0).pvalue, rel=1e-6)
        variances = a.var(ddof=1) / 10, b[:7].var(ddof=1) / 7
        freedom = sum(variances)**2 / (variances[0]**2 / 9 + variances[1]**2 / 6)
        t = (b[:7].mean() - a.mean()) / math.sqrt(sum(variances))
        assert welch.p == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-6)
        assert welch.error == pytest.approx(math.sqrt(sum(variances)) / 100)


@pytest.mark.parametrize('seeds, how', [([0, 0, 1], 'Welch'), ([0, 1, None], 'Welch'), ([0, 1, 2], 'paired')])
def test_seeds_that_are_unknown_or_twice_there_are_not_paired(seeds, how):
    c = compare.compare(group('A', [180, 190, 185], seeds), group('B', [181, 195, 187], seeds))
    assert c.how.startswith(how) and c.sample == ('3 seeds' if how == 'paired' else '3 and 3 runs')


@pytest.mark.parametrize('a, b, words', [
    ([181, 190, 170], [181, 190, 170],
     'no difference at all with 3 seeds: B and A have the same test errors, 1.80 % (binomial error 0.19)'),
    ([181, 190, 170], [191, 200, 180],
     'B has more test errors than A: 1.90 % against 1.80 %, difference 0.10; no test, as nothing varies with 3 seeds '
     '(binomial error 0.19)'),
    ([181] * 3, [181], 'no difference at all with one run and 3 seeds: B and A have the same test errors, 1.81 % '
     '(binomial error 0.19)'),
    ([181], [171] * 3, 'B has fewer test errors than A: 1.71 % against 1.81 %, difference 0.10; no test, as nothing '
     'varies with one run and 3 seeds (binomial error 0.19)'),
    ([181] * 3, [182] * 2, 'B has more test errors than A: 1.82 % against 1.81 %, difference 0.01; no test, as nothing '
     'varies with 3 and 2 seeds (binomial error 0.19)'),
    ([0], [0],
     'no difference at all with one run each: B and A have the same test errors, 0.00 % (binomial error 0.00)'),
    ([181], [181], 'no difference to be seen with one run each: B 1.81 % against A 1.81 %, difference +0.00 +- 0.19 '
     '(binomial error, one run each, z = 0.00, p = 1)'),
    ([100, 110, 120, 130], [300, 311, 320, 331],
     'B has more test errors than A: 3.15 % against 1.15 %, difference 2.00 +- 0.00 (paired t-test, 4 seeds, '
     'p < 0.0001; binomial error 0.20)'),
])
def test_words_where_little_or_nothing_varies(a, b, words):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert compare.in_words(compare.compare(group('A', a), group('B', b)), 0.05) == words


# ---- processes

def test_the_articles_lines_side_by_side(tmp_path):
    run = run_script(save(tmp_path, 'conv16-ds2.log', ARTICLE_16_DS2),
                     save(tmp_path, 'conv64-ds4.log', ARTICLE_64_DS4), script=COMPARE)
    assert run.returncode == 0 and run.stderr == ''
    assert run.stdout == '''\
       |    conv16-ds2 |   conv64-ds4
 epoch |  train  valid | train  valid
     0 | 90.966  90.73 |
    10 |  1.210   1.97 |
    20 |  0.654   1.83 |
    30 |  0.580   2.07 |
    40 |  0.144   1.87 |
    50 |  0.018   1.91 | 0.034   1.16
  test |          1.81 |         1.38
binom. |          0.13 |         0.12

Errors in %; +-: standard deviation over runs; binom.: binomial error of a test error
conv16-ds2: no line # data: in the log: MNIST is taken
conv64-ds4 differs from conv16-ds2 in W1nch: 64, not 16, ds1: (4, 4), not (2, 2)
conv64-ds4: no line # data: and no line # NT = in the log: NT = 10000 of MNIST is taken
conv64-ds4 has fewer test errors than conv16-ds2: 1.38 % against 1.81 %, difference 0.43 +- 0.18 \
(binomial error, one run each, z = -2.43, p = 0.0152); other seeds may say otherwise
'''


def test_other_settings_are_told(tmp_path):
    paths = [save(tmp_path, 'a.log', ARTICLE_16_DS2), save(tmp_path, 'b.log', printed(1.8, batchsize=20)),
             save(tmp_path, 'c.log', printed(1.8, settings='eta=0.25 "ds1=(4,4)"'))]
    run = run_script(*paths, script=COMPARE)
    assert run.returncode == 0 and '\nb differs from a in batchsize: 20, not 100, nepoch: 1, not 50\n' in run.stdout
    run = run_script(save(tmp_path, 'd.log', printed(1.7, settings='mu=0')), paths[2], script=COMPARE)
    told = "\nc differs from d in ds1: (4, 4), not (2, 2), eta: 0.25, not the article's, mu: the article's, not 0\n"
    assert told in run.stdout


def test_the_first_group_that_has_a_test_error_is_compared_with(tmp_path):
    paths = [save(tmp_path, name + '.log', text) for name, text in (
        ('lost', printed(None) + '# diverged: the cost is nan\n'), ('a', printed(1.8)), ('b', printed(1.5)))]
    run = run_script(*paths, script=COMPARE)
    assert run.returncode == 0 and run.stderr == ''
    assert '\nlost: no test error; compared with is a, the first group that has one\n' in run.stdout
    assert re.search('^no difference to be seen .*: b 1.50 % against a 1.80 %', run.stdout, re.M)
    assert re.search(r'\n +1 \| +0.500 +2.00 \| ', run.stdout)                         # the table has the order given


def test_runs_that_are_kept_are_found_by_name():
    run = run_script('conv16-ds2', 'conv16-ds4', script=COMPARE)
    assert run.returncode == 0 and '| ' in run.stdout and 'conv16-ds4 differs from conv16-ds2 in ds1: ' in run.stdout


def test_several_comparisons_need_a_smaller_p(tmp_path):
    """p = 0.0152 does not count where there are four; 0.78 against 1.81 % still does."""
    texts = {'conv16-ds2': ARTICLE_16_DS2, 'conv64-ds4': ARTICLE_64_DS4, 'relu': ARTICLE_RELU,
             'conv-conv': ARTICLE_CONV_CONV, 'full400': ARTICLE_FULL400}
    run = run_script(*[save(tmp_path, name + '.log', text) for name, text in texts.items()], script=COMPARE)
    assert run.returncode == 0 and run.stderr == ''
    assert '\nno difference to be seen with one run each: conv64-ds4 1.38 %' in run.stdout
    assert '\nfull400 has fewer test errors than conv16-ds2: 0.78 % against 1.81 %, difference 1.03 ' in run.stdout
    assert run.stdout.endswith('\n4 comparisons: a p below 0.05/4 = 0.013 counts as a difference (Bonferroni)\n')


def trials(folder, name, tests):
    """A folder with the log of a trial for each seed; its path."""
    for seed, test in enumerate(tests):
        path = save(folder, '%s/seed-%d.log.gz' % (name, seed), printed(test, seed, valid=test + 0.1, run=name))
    return os.path.dirname(path)


def test_a_folder_of_runs(tmp_path):
    a, b = [1.81, 1.90, 1.85, 1.79], [1.50, 1.61, 1.49, 1.44]
    for name, tests in (('conv16-ds2', a), ('conv16-ds4', b)):
        trials(tmp_path, name, tests)
    run = run_script(str(tmp_path), script=COMPARE)
    assert run.returncode == 0 and run.stderr == ''
    assert re.search(r'\n +1 \|  0.500 \+-0.000   1.94 \+-0.05 \|  0.500 \+-0.000   1.61 \+-0.07\n'
                     r' +test \| +1.84 \+-0.05 \| +1.51 \+-0.07\n', run.stdout), run.stdout
    assert run.stdout.endswith(
        'conv16-ds4 has fewer test errors than conv16-ds2: 1.51 %% against 1.84 %%, difference 0.33 +- %.2f '
        '(paired t-test, 4 seeds, p = %.3g; binomial error 0.18)\n' % (
            np.std(np.subtract(a, b), ddof=1) / 2, stats.ttest_rel(a, b).pvalue))


def test_the_table_fits_the_terminal(tmp_path):
    folders = [trials(tmp_path, name, [1.81, 1.90]) for name in ('conv16-ds2', 'conv16-ds4', 'conv16-full400')]
    for columns, chunks in ((100, 1), (70, 2), (40, 3), (5, 3)):
        lines = run_script(*folders, script=COMPARE, COLUMNS=str(columns)).stdout.partition('\nErrors')[0].split('\n')
        assert max(map(len, lines)) <= max(columns, 45) and sum('epoch' in line for line in lines) == chunks, columns
        assert sum('test' in line for line in lines) == chunks


def test_a_run_that_was_stopped_is_shown_and_not_compared(tmp_path):
    paths = [save(tmp_path, 'whole.log', printed(1.8)), save(tmp_path, 'stopped.log', printed(None, valid=2.5)),
             save(tmp_path, 'other.log', printed(1.7))]
    run = run_script(*paths, script=COMPARE)
    assert run.returncode == 0 and run.stderr == ''
    assert re.search(r'\n +test \| +1.80 \| +none \| +1.70\n', run.stdout) and re.search(r' 2.50 \|', run.stdout)
    assert '\nstopped: no test error in 1 of 1 logs (1 stopped before the last line)\n' in run.stdout
    assert run.stdout.count(', difference ') == 1 and 'Bonferroni' not in run.stdout

    several = save(tmp_path, 'several.log', printed(1.8, 0) + printed(1.9, 1) + printed(None, 2))
    run = run_script(several, paths[0], script=COMPARE)
    assert '\nseveral: no test error in 1 of 3 logs (1 stopped before the last line)\n' in run.stdout
    assert 'one run and 2 seeds' in run.stdout

    lost = printed(None, 3) + '# diverged: the cost is nan in epoch 1, minibatch 2 of 3\n'
    several = save(tmp_path, 'several.log', printed(1.8, 0) + printed(None, 2) + lost)
    run = run_script(several, paths[0], script=COMPARE)
    assert '\nseveral: no test error in 2 of 3 logs (1 diverged, 1 stopped before the last line)\n' in run.stdout


def test_different_data_are_shown_and_not_compared(tmp_path):
    paths = [save(tmp_path, 'a.log', printed(1.8)),
             save(tmp_path, 'b.log', printed(1.7, data='drawn digits, not MNIST')),
             save(tmp_path, 'c.log', printed(1.7, NT=5000)), save(tmp_path, 'd.log', printed(1.7))]
    run = run_script(*paths, script=COMPARE)
    assert run.returncode == 2
    assert run.stderr == (
        'b has data = drawn digits, not MNIST, a has data = MNIST: errors on different data cannot be compared\n'
        'c has NT = 5000, a has NT = 10000: errors on different data cannot be compared\n')
    assert '1.70' in run.stdout and run.stdout.count(', difference ') == 1 and 'd 1.70 % against a 1.80 %' in run.stdout


def test_the_same_seed_twice_is_a_warning_and_not_paired(tmp_path):
    paths = [save(tmp_path, 'a.log', printed(1.8, 3) + printed(1.7, 3) + printed(1.6, 4)),
             save(tmp_path, 'b.log', printed(1.8, 3) + printed(1.75, 3) + printed(1.6, 4))]
    run = run_script(*paths, script=COMPARE)
    assert run.returncode == 0 and run.stderr.count('\n') == 2
    assert run.stderr.startswith('a: seed 3 occurs more than once: its runs are not paired with those of others\n')
    assert 'Welch\'s t-test, 3 and 3 runs' in run.stdout


@pytest.mark.parametrize('arguments, line', [
    ([], '0 arguments: must be at least 1, as --help tells\n'),
    (['no-such.log'], 'no-such.log: No such file or directory\n'),
    (['README.md', 'README.md'], 'README.md: given twice\n'),
    (['mnist.py'], 'mnist.py: not a log: no result below a ### or # Xdim: line\n'),
    (['Makefile', 'no-such.log'], 'Makefile: not a log'),
    (['run'], 'run: neither this folder nor a folder in it has a *.log or *.log.gz\n'),
    (['a.log', 'png=a.jpg'], "png = 'a.jpg': must be '' or a file FILE.png or FILE.pdf or FILE.svg in a folder"),
    (['a.log', 'png=no-such/a.png'], "png = 'no-such/a.png': must be"),
    (['a.log', 'width=1'], 'width = 1: must be cm, from 6 to 100'),
])
def test_wrong_arguments_end_with_one_line(arguments, line):
    run = run_script(*arguments, script=COMPARE)
    assert run.returncode == 2 and run.stdout == ''
    assert run.stderr.startswith(line) and run.stderr.count('\n') == 1


def test_a_malformed_log_and_a_name_in_any_bytes(tmp_path):
    path = save(tmp_path, 'bad.log', ARTICLE_16_DS2.replace('0.654 1.83', '0.654 1.8e'))
    run = run_script(path, script=COMPARE)
    assert run.returncode == 2 and run.stdout == '' and run.stderr.count('\n') == 1
    assert run.stderr.startswith('%s, line 8: ' % path)
    odd = os.path.join(os.fsencode(str(tmp_path)), b'\xff\xe3.log')
    with open(odd, 'w') as file:
        file.write(printed(1.8))
    run = run_script(os.fsdecode(odd), script=COMPARE, PYTHONIOENCODING='ascii')
    assert run.returncode == 0 and run.stderr == '' and ' 1.80' in run.stdout


@pytest.mark.parametrize('form, start', [('png', b'\x89PNG'), ('pdf', b'%PDF'), ('svg', b'<?xml')])
def test_curves_are_drawn_in_the_form_of_the_suffix(tmp_path, form, start):
    pytest.importorskip('matplotlib', reason='matplotlib is missing: make extras')
    paths = [save(tmp_path, name, text) for name, text in (('a.log', ARTICLE_16_DS2), ('b.log', ARTICLE_FULL400))]
    picture = tmp_path / ('c.' + form)
    run = run_script(*paths, 'png=%s' % picture, 'width=8.5', script=COMPARE, MPLBACKEND='TkAgg', DISPLAY=None)
    assert run.returncode == 0 and run.stderr == '' and picture.read_bytes().startswith(start)
    if form == 'svg':
        words = 'training', 'validation', 'test', 'a (1 seed)', 'epoch'
        assert all('>%s<' % word in picture.read_text() for word in words)


def test_without_matplotlib_one_line_says_how_to_get_it(tmp_path):
    (tmp_path / 'matplotlib.py').write_text('raise ImportError("no such thing")')
    log = save(tmp_path, 'a.log', ARTICLE_16_DS2)
    run = run_script(log, 'png=%s' % (tmp_path / 'a.png'), script=COMPARE, PYTHONPATH=str(tmp_path))
    assert (run.returncode, run.stdout) == (2, '')
    assert run.stderr == 'no matplotlib (no such thing): `make extras` adds it\n'
    run = run_script(log, script=COMPARE, PYTHONPATH=str(tmp_path))
    assert run.returncode == 0 and run.stderr == ''


def test_a_pipe_that_nobody_reads_is_no_traceback(tmp_path):
    log = save(tmp_path, 'a.log', ARTICLE_16_DS2)
    run = subprocess.run('%s %s %s | head -1' % (sys.executable, COMPARE, log), cwd=ROOT, shell=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert run.stdout.count('\n') == 1 and 'Traceback' not in run.stderr and 'Exception' not in run.stderr
