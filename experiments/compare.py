"""Puts printed error logs side by side: errors per epoch, then how the test errors differ, in words.

    python experiments/compare.py A.log B.log.gz            a file: a run, or several runs one after the other
    python experiments/compare.py logs/conv16-ds2 A.log     a folder: runs that differ by seed
    python experiments/compare.py logs png=FILE.png         a folder of such folders; curves (PDF and SVG, too)
    python experiments/compare.py conv16-ds2 conv16-ds4     runs whose logs are in experiments/results

The article's printed lines are read, too. Each group of runs is compared with the first that has a test error, by the
test errors after the last epoch. Both have several runs: a paired t-test where the seeds are the same, else Welch's.
One run and several: could it be one more of them (prediction interval)? One run and one: the binomial error alone,
which knows nothing of seeds. The binomial error of a difference takes two samples of test examples as independent; both
nets are tested on the same ones, so it is an upper bound as long as their mistakes are positively correlated.
Exit status 2: a log that cannot be read, or groups that cannot be compared, as they were tested on different data.
"""
import collections
import math
import os
import shutil
import sys

from paths import RESULTS
import numpy as np
from scipy import stats

from run import script, settings
import drawing
from groups import NT_of, by_epoch, deviation, differences, groups_of, seeds_of, source_of, tested

Comparison = collections.namedtuple('Comparison', 'first other d error binomial p how sample')


# ---- the differences

def compare(first, other):
    """Comparison of two groups that have test errors, the means of which differ by d, other less first.

    error: standard error of d, by the method how; binomial: the same from the number of examples alone; all in %.
    p: probability of such a difference, or a larger one, by chance; None where nothing varies. sample: words.
    Counted in examples, as sums of those are exact: what does not vary has a standard deviation of exactly 0.
    """
    logs, NT = [tested(first), tested(other)], NT_of(first)
    a, b = (np.array([round(log.test[4] / 100 * NT) for log in group]) for group in logs)
    n, m, d = len(a), len(b), b.mean() - a.mean()
    seeds = [seeds_of(group) for group in logs]
    word = 'runs' if any(len(group) > 1 and known is None for group, known in zip(logs, seeds)) else 'seeds'
    binomial = math.sqrt(sum(wrong * (NT - wrong) / NT for wrong in (a.mean(), b.mean())))
    if n == m == 1:
        error, how, sample = binomial, 'binomial error', 'one run each'
    elif n == 1 or m == 1:
        many = max(a, b, key=len)
        error, how = deviation(many) * math.sqrt(1 + 1 / len(many)), 'prediction interval'
        sample = 'one run and %d %s' % (len(many), word)
    elif seeds[0] is not None and seeds[0] == seeds[1]:
        error, how, sample = deviation(b - a) / math.sqrt(n), 'paired t-test', '%d seeds' % n
    else:
        error, how = math.sqrt(deviation(a)**2 / n + deviation(b)**2 / m), 'Welch\'s t-test'
        sample = '%d and %d %s' % (n, m, word)
    if error == 0:
        p = None
    elif how == 'binomial error':
        p = 2 * stats.norm.sf(abs(d) / error)
    elif how == 'prediction interval':
        p = 2 * stats.t.sf(abs(d) / error, max(n, m) - 1)
    elif how == 'paired t-test':
        p = stats.ttest_rel(b, a).pvalue
    else:
        p = stats.ttest_ind(b, a, equal_var=False).pvalue
    return Comparison(first, other, 100 * d / NT, 100 * error / NT, 100 * binomial / NT, p, how, sample)


def in_words(c, limit):
    """A sentence for a Comparison; a p below limit counts as a difference."""
    first, other = (np.mean([log.test[4] for log in tested(group)]) for group in (c.first, c.other))
    binomial = 'binomial error %.2f' % c.binomial
    sides = '%.2f %% against %.2f %%' % (other, first)
    more = '%s has %s test errors than %s: %s' % (c.other.name, 'more' if c.d > 0 else 'fewer', c.first.name, sides)
    if c.p is None and c.d == 0:
        return 'no difference at all with %s: %s and %s have the same test errors, %.2f %% (%s)' % (
            c.sample, c.other.name, c.first.name, first, binomial)
    if c.p is None:
        return '%s, difference %.2f; no test, as nothing varies with %s (%s)' % (more, abs(c.d), c.sample, binomial)
    method = '%s, %s, %s%s' % (
        c.how, c.sample, 'z = %.2f, ' % (c.d / c.error) if c.how == 'binomial error' else '',
        'p = %.3g' % c.p if c.p >= 1e-4 else 'p < 0.0001') + ('' if c.how == 'binomial error' else '; ' + binomial)
    if c.p < limit:
        return '%s, difference %.2f +- %.2f (%s)%s' % (
            more, abs(c.d), c.error, method, '; other seeds may say otherwise' if c.how == 'binomial error' else '')
    return 'no difference to be seen with %s: %s %.2f %% against %s %.2f %%, difference %+.2f +- %.2f (%s)' % (
        c.sample, c.other.name, other, c.first.name, first, c.d, c.error, method)


def notes(found, base):
    """Lines on what a group does not give, what is taken instead, and on what it has otherwise than the base."""
    if base is not found[0]:
        yield '%s: no test error; compared with is %s, the first group that has one' % (found[0].name, base.name)
    for group in found:
        finished = tested(group)
        if len(finished) < len(group.logs):
            diverged = sum(log.diverged is not None for log in group.logs)
            stopped = len(group.logs) - len(finished) - diverged
            yield '%s: no test error in %d of %d logs (%s)' % (
                group.name, len(group.logs) - len(finished), len(group.logs), ', '.join(
                    words for words, number in (('%d diverged' % diverged, diverged),
                                                ('%d stopped before the last line' % stopped, stopped)) if number))
        told = {'run', 'data', 'NT', 'nepoch' if not finished else None}        # by other lines
        differ = [item for item in differences(base.logs[0], group.logs[0]) if item[0] not in told]
        if differ:
            yield '%s differs from %s in %s' % (group.name, base.name, ', '.join(
                '%s: %s, not %s' % (name, values[1], values[0]) for name, values in differ))
        missing = [line for line, given in (
            ('# data:', any(log.source for log in group.logs)),
            ('# NT =', any(log.NT for log in group.logs) or not finished)) if not given]
        if missing:
            yield '%s: no line %s in the log: %s is taken' % (
                group.name, ' and no line '.join(missing), 'NT = 10000 of MNIST' if '# NT =' in missing else 'MNIST')


# ---- the table

def cell(values, form):
    """Mean of the values, and +- their standard deviation where there are several."""
    return '' if not len(values) else form % np.mean(values) + (
        ' +-' + form % deviation(values) if len(values) > 1 else '')


def block(group, epochs):
    """A group's part of the table, as lines of the same length."""
    errors, test = by_epoch(group), [log.test[4] for log in tested(group)]
    p = np.mean(test) / 100 if test else 0
    rows = [('train', 'valid')] + [(cell(train, '%.3f'), cell(valid, '%.2f')) for _, train, valid in (
        errors.get(epoch, ([], [], [])) for epoch in epochs)]
    binomial = 100 * math.sqrt(p * (1 - p) / NT_of(group))
    rows += [('', cell(test, '%.2f') or 'none'), ('', '%.2f' % binomial if test else '')]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    lines = [group.name + (' (%d runs)' % len(group.logs) if len(group.logs) > 1 else '')]
    lines += [row[0].rjust(widths[0]) + '  ' + row[1].rjust(widths[1]) for row in rows]
    return [line.rjust(max(map(len, lines))) for line in lines]


def table(found, width):
    """The errors of the groups, side by side as far as the width goes, the others below."""
    epochs = sorted({epoch for group in found for epoch in by_epoch(group)})
    left = [label.rjust(6) for label in ['', 'epoch'] + [str(epoch) for epoch in epochs] + ['test', 'binom.']]
    chunks = []
    for group in found:
        lines = block(group, epochs)
        if not chunks or sum(len(part[0]) + 3 for part in chunks[-1] + [lines]) - 3 > width:
            chunks.append([left])
        chunks[-1].append(lines)
    return '\n\n'.join('\n'.join(' | '.join(row).rstrip() for row in zip(*chunk)) for chunk in chunks)


class CannotCompare(Exception):
    """Groups that were tested on different data: a line."""
    status = 2


def compare_all(base, others):
    """(Comparisons of the others with the base, lines on those that cannot be compared)."""
    comparisons, failures = [], []
    for other in others:
        for what, of in (('data', source_of), ('NT', NT_of)):
            if of(other) != of(base) and (what == 'data' or tested(base) and tested(other)):
                failures.append('%s has %s = %s, %s has %s = %s: errors on different data cannot be compared' % (
                    other.name, what, of(other), base.name, what, of(base)))
                break
        else:
            if tested(base) and tested(other):
                comparisons.append(compare(base, other))
    return comparisons, failures


def main(arguments):
    given = settings.parse(__doc__, {'png': '', 'width': drawing.DEFAULT_WIDTH},
                           {'png': drawing.FILE, 'width': drawing.WIDTH}, arguments, positional=1)
    if given['png']:
        drawing.load_matplotlib()
    kept = os.path.join(RESULTS, 'logs')
    found = groups_of([os.path.join(kept, path) if not os.path.exists(path) and os.path.isdir(os.path.join(kept, path))
                       else path for path in given['positional']])
    for group in found:
        seeds = [log.seed for log in group.logs if log.seed is not None]
        twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if twice:
            print('%s: seed %s occurs more than once: its runs are not paired with those of others' % (
                group.name, ', '.join(map(str, twice))), file=sys.stderr)

    base = next((group for group in found if tested(group)), found[0])
    print(table(found, shutil.get_terminal_size((100, 24)).columns))
    print('\nErrors in %; +-: standard deviation over runs; binom.: binomial error of a test error')
    for note in notes(found, base):
        print(note)
    others = [group for group in found if group is not base]
    comparisons, failures = compare_all(base, others)
    for comparison in comparisons:
        print(in_words(comparison, 0.05 / len(comparisons)))
    if len(comparisons) > 1:
        print('%d comparisons: a p below 0.05/%d = %.2g counts as a difference (Bonferroni)' % (
            len(comparisons), len(comparisons), 0.05 / len(comparisons)))
    if given['png']:
        from error_figures import curves_figure
        drawing.save(curves_figure([base] + others, given['width'], behind=True), given['png'])
    if failures:
        print('\n'.join(failures[:-1]), end='\n' * (len(failures) > 1), file=sys.stderr)
        raise CannotCompare(failures[-1])


if __name__ == '__main__':
    with script.ending():
        main(sys.argv[1:])
