"""The differences by hand and against SciPy, and the words for them."""
import math
import warnings

import pytest
from scipy import stats

import compare
from groups import Group
from logs import Log

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
