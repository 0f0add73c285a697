"""Mean and spread over the seeds of every trial that is finished: RESULTS.md, trials.csv, a table on the terminal.

    python experiments/summary.py
    python experiments/summary.py results=FOLDER
"""
import csv
import io
import os
import sys

from paths import HERE, RESULTS
import numpy as np
import scipy.stats

from datasets.files import write_whole
from run import script, settings
from groups import groups_of
from runs import ARTICLE, LADDER, RUNS

ERRORS = 'train', 'valid', 'test'


def read(results):
    """{run: its trials as logs.Log, by seed}, in the order of runs.py; other names come last.

    Without the ladder, which is there to choose by, so that its test errors are not to be seen.
    """
    trials = {}
    for name, logs in groups_of([os.path.join(results, 'logs')]):
        if name not in LADDER:
            trials[name] = sorted(logs, key=lambda log: log.seed)
    return {name: trials[name] for name in [*RUNS, *sorted(set(trials) - set(RUNS))] if name in trials}


def errors_of(logs):
    """[training, validation, test errors] in % after the last epoch, of those that did not diverge and have them."""
    of_kind = zip(*[log.test[2:] for log in logs if log.test])
    return [[error for error in errors if error is not None] for errors in of_kind] or [[]] * 3


def statistics(values):
    """(mean, standard deviation, 95 % interval of the mean by Student's t) of a few values; nan if there is none."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return mean, np.nan, (np.nan, np.nan)
    sd = float(np.std(values, ddof=1))
    half = scipy.stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n)
    return mean, sd, (mean - half, mean + half)


def verdict(article, values):
    """Where the article's test error lies among ours."""
    mean, sd, _ = statistics(values)
    if mean == article or abs(mean - article) <= 2 * sd:
        return 'the same' if mean == article else 'article within 2 sd'
    lower = 'ours' if mean < article else 'article'
    return '%s is lower' % lower + (' by %.1f sd' % (abs(mean - article) / sd) if sd > 0 else '')


def duration(seconds):
    if seconds is None:
        return '–'
    minutes, seconds = divmod(int(round(seconds)), 60)
    hours = '%d h %02d' % divmod(minutes, 60) if minutes >= 60 else '%d' % minutes
    return '%s min %02d s' % (hours, seconds)


def wall(logs):
    """Median wall time, in seconds, of the logs that tell it; None if none does."""
    times = [log.wall_seconds for log in logs if log.wall_seconds]
    return float(np.median(times)) if times else None


def rows(trials):
    """The cells of the main table, a row for each run; the first row names the columns."""
    table = [['run', 'seeds', 'train %', 'valid %', 'test %', 'test, 95 %', 'article', 'test error', 'wall', 'article']]
    for name, logs in trials.items():
        changed = next((log.changed for log in logs if log.changed), None)
        article = RUNS[name].article if name in RUNS and not changed else None
        diverged = sum(log.diverged is not None for log in logs)
        seeds = str(len(logs)) + (', %d diverged' % diverged if diverged else '')
        row = [', '.join(filter(None, (name, changed))), seeds]
        for values in errors_of(logs):
            row.append('%.3f ± %.3f' % statistics(values)[:2] if len(values) > 1 else
                       '%.3f' % values[0] if values else '')
        row.append('%.3f to %.3f' % statistics(values)[2] if len(values) > 1 else '')
        row.append('%g / %g / %g' % article[:3] if article else '')
        row.append(verdict(article.test, values) if article and values else '')
        row.append(duration(wall(logs)))
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
        for n, (error, values) in enumerate(zip(ERRORS, errors_of(logs))):
            if not values:
                continue
            mean, sd, interval = statistics(values)
            spread = ['', ''] if len(values) == 1 else ['%.3f' % sd, '%.3f to %.3f' % interval]
            seeds = ' '.join('%g' % log.test[2 + n] if log.test else '–' for log in logs)
            table.append([name, error, '%.3f' % mean, *spread, seeds])
    return table


def results_md(trials):
    """The text of RESULTS.md."""
    logs = [log for of_run in trials.values() for log in of_run]
    diverged = ['- %s, seed %d: %s' % (name, log.seed, log.diverged) for name, of_run in trials.items()
                for log in of_run if log.diverged]
    times = [log.wall_seconds for log in logs if log.wall_seconds]
    unknown = len(logs) - len(times)
    timed = [name for name, of_run in trials.items() if name in ARTICLE and ARTICLE[name].article.wall
             and wall(of_run) and not any(log.changed for log in of_run)]
    alone = 'one trial of each of the\narticle\'s %d timed runs takes %s, and took the article %s' % (
        len(timed), duration(sum(wall(trials[name]) for name in timed)),
        duration(sum(ARTICLE[name].article.wall for name in timed)))
    return '\n'.join([
        '# Results', '',
        'Errors in %, mean ± standard deviation over the seeds, after the last epoch; beside them the single figures',
        'that the article printed (training / validation / test). The interval is that of the mean, by Student\'s t.',
        'The time is the median over trials of a process from its start to its end, whatever else the machine did',
        'meanwhile. Nothing was chosen by the test error.', '',
        markdown(rows(trials)), '',
        '%d trials took %s altogether%s%s.' % (
            len(logs), duration(sum(times)), ' (without %d whose time is not known)' % unknown if unknown else '',
            '; ' + alone if timed else ''), '',
        'Machine: %s. %s.' % tuple('; '.join(sorted({str(value) for value in values})) for values in (
            [log.machine for log in logs], [log.versions for log in logs])), '',
        '## Every seed', '',
        markdown(every_value(trials)), '', *(['## Diverged', '', *diverged, ''] if diverged else []),
        'The logs are in `results/logs`, a row for each trial in `results/trials.csv`.', ''])


def trials_csv(trials):
    """The text of trials.csv: a row for each trial."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator='\n')
    table.writerow(['run', 'seed', 'train_error', 'valid_error', 'test_error', 'wall_seconds', 'test_cost', 'epochs',
                    'machine', 'versions', 'diverged', 'changed'])
    for name, logs in trials.items():
        for log in logs:
            epoch, cost, *errors = log.test or [''] * 5
            table.writerow([name, log.seed, *errors, log.wall_seconds, cost, epoch, log.machine, log.versions,
                            log.diverged, log.changed])
    return text.getvalue()


def write(results):
    """Writes RESULTS.md and trials.csv into the folder of results; prints the table. Raises FileError.

    RESULTS.md of experiments/results, which readers look for first, comes to lie beside that folder.
    """
    trials = read(results)
    place = HERE if os.path.abspath(results) == RESULTS else results
    write_whole(os.path.join(place, 'RESULTS.md'), results_md(trials).encode())
    write_whole(os.path.join(results, 'trials.csv'), trials_csv(trials).encode())
    print(plain(rows(trials)))


if __name__ == '__main__':
    with script.ending():
        rules = {'results': (os.path.isdir, 'a folder')}
        write(settings.parse(__doc__, {'results': RESULTS}, rules, sys.argv[1:])['results'])
