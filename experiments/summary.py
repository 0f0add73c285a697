"""Mean and spread over the seeds of every trial that is finished: RESULTS.md, trials.csv, a table on the terminal.

    python experiments/summary.py [FOLDER]                   of experiments/results, or another folder of results
"""
import csv
import io
import os
import sys

import numpy as np
import scipy.stats

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
import logs as printed  # noqa: E402
from runs import RUNS  # noqa: E402

ERRORS = 'train', 'valid', 'test'


def read(results):
    """{run: its trials as logs.Log, by seed}, in the order of runs.py; other names come last."""
    trials = {}
    for name, logs in printed.groups([os.path.join(results, 'logs')]):
        trials[name] = sorted(logs, key=lambda log: log.seed)
    return {name: trials[name] for name in [*RUNS, *sorted(set(trials) - set(RUNS))] if name in trials}


def errors_of(log):
    """(training, validation, test error) in % after the last epoch."""
    return log.test[2:]


def statistics(values):
    """(mean, standard deviation, 95 % interval of the mean by Student's t) of a few values; nan for what one cannot tell."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return mean, np.nan, (np.nan, np.nan)
    sd = float(np.std(values, ddof=1))
    half = scipy.stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n)
    return mean, sd, (mean - half, mean + half)


def verdict(article, values):
    """Where the article's test error lies among ours."""
    mean, sd, _ = statistics(values)
    if mean < article:
        return 'ours is lower' + (', article within 2 sd' if article <= mean + 2 * sd else '')
    if not sd > 0:                                   # one seed, or seeds that agree
        return 'article is lower' if article < mean else 'the same'
    return 'article within 2 sd' if article >= mean - 2 * sd else 'article is lower by %.1f sd' % ((mean - article) / sd)


def duration(seconds):
    minutes, seconds = divmod(int(round(seconds)), 60)
    return '%d h %02d min %02d s' % (minutes // 60, minutes % 60, seconds) if minutes >= 60 else '%d min %02d s' % (minutes, seconds)


def rows(trials):
    """The cells of the main table, a row for each run; the first row names the columns."""
    table = [['run', 'seeds'] + ['%s %%' % e for e in ERRORS] + ['test, 95 %', 'article', 'test error', 'wall', 'article']]
    for name, logs in trials.items():
        article = RUNS[name].article if name in RUNS else None
        row = [name, str(len(logs))]
        for values in zip(*map(errors_of, logs)):
            row.append('%.3f' % values[0] if len(values) == 1 else '%.3f ± %.3f' % statistics(values)[:2])
        row.append('' if len(values) == 1 else '%.3f to %.3f' % statistics(values)[2])
        row.append('%g / %g / %g' % article[:3] if article else '')
        row.append(verdict(article.test, values) if article else '')
        row.append(duration(np.mean([log.wall_seconds for log in logs])))
        row.append(duration(article.wall) if article and article.wall else '')
        table.append(row)
    return table


def plain(table):
    """A table as text in columns."""
    widths = [max(len(row[n]) for row in table) for n in range(len(table[0]))]
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table)


def markdown(table):
    lines = ['| %s |' % ' | '.join(row) for row in table]
    return '\n'.join(lines[:1] + ['|---' * len(table[0]) + '|'] + lines[1:])


def every_value(trials):
    """The errors of every seed."""
    table = [['run', 'error', 'mean', 'sd', '95 % interval of the mean', 'seeds ' + ', '.join(sorted(
        {str(log.seed) for logs in trials.values() for log in logs}, key=int))]]
    for name, logs in trials.items():
        for error, values in zip(ERRORS, zip(*map(errors_of, logs))):
            mean, sd, interval = statistics(values)
            spread = ['', ''] if len(values) == 1 else ['%.3f' % sd, '%.3f to %.3f' % interval]
            table.append([name, error, '%.3f' % mean, *spread, ' '.join('%g' % v for v in values)])
    return table


def results_md(trials):
    """The text of RESULTS.md."""
    logs = [log for of_run in trials.values() for log in of_run]
    wall = sum(log.wall_seconds for log in logs)
    timed = [name for name in trials if name in RUNS and RUNS[name].article and RUNS[name].article.wall]
    return '\n'.join([
        '# Results', '',
        'Errors in %, mean ± standard deviation over the seeds, after the last epoch; beside them the single figures that',
        'the article printed (training / validation / test). The interval is that of the mean, by Student\'s t. The time is',
        'the mean over trials of a process from its start to its end. Nothing was chosen by the test error.', '',
        markdown(rows(trials)), '',
        '%d trials, %s of trials\' time altogether; one trial of each of the article\'s %d timed runs takes %s, and took' % (
            len(logs), duration(wall), len(timed),
            duration(sum(np.mean([log.wall_seconds for log in trials[name]]) for name in timed))),
        'the article %s.' % duration(sum(RUNS[name].article.wall for name in timed)), '',
        'Machine: %s. %s.' % ('; '.join(sorted({log.machine for log in logs})), '; '.join(sorted({log.versions for log in logs}))), '',
        '## Every seed', '',
        markdown(every_value(trials)), '',
        'The logs are in `results/logs`, a row for each trial in `results/trials.csv`.', ''])


def trials_csv(trials):
    """The text of trials.csv: a row for each trial."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator='\n')
    table.writerow(['run', 'seed', 'train_error', 'valid_error', 'test_error', 'wall_seconds', 'test_cost', 'epochs',
                    'machine', 'versions'])
    for name, logs in trials.items():
        for log in logs:
            table.writerow([name, log.seed, *errors_of(log), log.wall_seconds, log.test[1], log.test[0], log.machine,
                            log.versions])
    return text.getvalue()


def write(results):
    """Writes RESULTS.md and trials.csv into the folder of results; prints the table. Raises SavingError.

    RESULTS.md of experiments/results, which readers look for first, comes to lie beside that folder.
    """
    from saving import write_whole
    trials = read(results)
    place = HERE if os.path.abspath(results) == os.path.join(HERE, 'results') else results
    write_whole(os.path.join(place, 'RESULTS.md'), results_md(trials).encode())
    write_whole(os.path.join(results, 'trials.csv'), trials_csv(trials).encode())
    print(plain(rows(trials)))


def test_error(log):
    """The last figure of a log's text."""
    return [line for line in log.split('\n') if line and not line.startswith('#')][-1].split()[-1]


if __name__ == '__main__':
    write(*(sys.argv[1:2] or [os.path.join(HERE, 'results')]))
