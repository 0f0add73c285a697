"""What experiments/compare.py says as its users see it: words, table and errors, from processes of their own."""
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from conftest import ROOT, run_script
from helpers_logs import ARTICLE_16_DS2, ARTICLE_64_DS4, ARTICLE_CONV_CONV, ARTICLE_FULL400, ARTICLE_RELU, printed, save

COMPARE = os.path.join('experiments', 'compare.py')


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
