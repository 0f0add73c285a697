"""Compares readings of the article, of what it leaves open or may have misprinted, with all the lines that it prints.

    python experiments/readings.py                      the ranking, of the trials that are there
    python experiments/readings.py trials=3             trains what is missing first, from seeds 0, 1, 2
    python experiments/readings.py png=FILE             draws the article's points over the curves of the first two of
                                                        readings=

A trial is experiments/reading.py in a process of its own, on the workers of trials.py. Its log is added to
results/readings/READING.log.gz, and it is never run again. A reading is named by its settings, joined by commas.
"""
import collections
import contextlib
import gzip
import os
import sys

from paths import HERE, RESULTS, ROOT
import numpy as np

from datasets.files import write_whole
from run import script, settings
import drawing
import logs
from machine import cores
from runs import ARTICLE, RUNS

BASE = 'formula=textbook'
OLD = 'formula=average,eta=0.5,Wsigma=0.1'
READINGS = [
    BASE, OLD,
    # one thing at a time
    'formula=average,eta=0.5', 'formula=before', 'formula=average-before,eta=0.25', 'formula=nesterov',
    'eta=0.5', 'eta=0.25', 'eta=0.1', 'eta=0.025',
    'Wsigma=0.02', 'Wsigma=0.1', 'inputs=True',
    'softmax=0.01', 'softmax=0.02', 'softmax=0.05',
    'mean=False', 'scale=1', 'order=once',
]
SMALL = [name for name, run in ARTICLE.items() if run.settings.get('W1nch') != 64]

DEFAULTS = {'readings': ';'.join(READINGS), 'runs': ','.join(SMALL), 'trials': 0, 'workers': cores(), 'png': '',
            'results': os.path.join(RESULTS, 'readings')}
RULES = {
    'readings': (lambda value: isinstance(value, str), "readings, separated by semicolons, such as 'eta=0.1;eta=0.1,order=once'"),
    'runs': settings.names_from(ARTICLE),
    'trials': settings.integers(0, 1000),
    'workers': settings.integers(1, 1000),
    'png': drawing.FILE,
    'results': (lambda value: isinstance(value, str) and value, 'a folder'),
}

ARTICLE_LOG = os.path.join(HERE, 'article.log')
MOST = 10.                  # standard deviations that a figure counts for at most
PRIOR = 4                   # what the pooled variance counts for, in seeds


# ---- the measure

def figures_of(log):
    """{(epoch, what): value} that a log prints before its test line: log cost; errors in %, in training and validation."""
    found = {}
    for epoch, (cost, train, valid) in log.rows.items():
        found[epoch, 'cost'], found[epoch, 'train'], found[epoch, 'valid'] = np.log(cost), train, valid
    if log.test and log.test[0] not in log.rows:                    # its cost is that of the test examples
        found[log.test[0], 'train'], found[log.test[0], 'valid'] = log.test[2:4]
    return found


def least_variance(what, error, N={'train': 50000, 'valid': 10000}):
    """The binomial variance of an error in %, of one example or more; none for a cost."""
    share = max(error / 100, 1 / N[what]) if what in N else 0
    return 1e4 * share * (1 - share) / N.get(what, 1)


def distances(article, values):
    """|z| of each of the article's figures, {(epoch, what): value}, for each reading: {reading: {(epoch, what): |z|}}.

    values: {reading: [figures of a seed]}, of one run. z = (article - mean) / (s sqrt(1 + 1/n)). The variance s^2 is that
    of the reading's n seeds, drawn by PRIOR towards the median of all readings' and at least the binomial one of an
    error. |z| is at most MOST, which is also what a figure counts that fewer than half of the seeds get to.
    """
    found = collections.defaultdict(dict)
    for key, printed in article.items():
        seeds = {reading: [figures[key] for figures in of_seeds if key in figures] for reading, of_seeds in values.items()}
        variances = [np.var(of, ddof=1) for of in seeds.values() if len(of) > 1]
        pooled = np.median(variances) if variances else 0.
        for reading, of in seeds.items():
            if 2 * len(of) < len(values[reading]) or not of:
                found[reading][key] = MOST
                continue
            n = len(of)
            variance = (np.var(of) * n + PRIOR * pooled) / (n - 1 + PRIOR)
            variance = max(variance, least_variance(key[1], printed))
            z = abs(printed - np.mean(of)) / np.sqrt(variance * (1 + 1 / n)) if variance else MOST
            found[reading][key] = min(z, MOST)
    return dict(found)


def mean_distances(article, trials):
    """{reading: {run: {(epoch, what): |z|}}}. article: {run: figures}; trials: {reading: {run: [figures of a seed]}}."""
    found = {reading: {} for reading in trials}
    for run, printed in article.items():
        values = {reading: of[run] for reading, of in trials.items() if of.get(run)}
        for reading, of_run in distances(printed, values).items():
            found[reading][run] = of_run
    return found


def behind(first, other):
    """By how much the figures of one reading lie further from the article than the same figures of the first: a list."""
    return [z - first[run][key] for run in other if run in first for key, z in other[run].items()]


def draws_ahead(article, trials, first, second, draws=1000):
    """In what share of draws of the seeds, with replacement, the first reading lies nearer than the second."""
    rng, won = np.random.RandomState(0), 0
    for _ in range(draws):
        drawn = {reading: {run: [of_run[n] for n in rng.randint(len(of_run), size=len(of_run))]
                           for run, of_run in of.items()} if reading in (first, second) else of
                 for reading, of in trials.items()}
        found = mean_distances(article, drawn)
        won += sum(behind(found[first], found[second])) > 0
    return won / draws


# ---- the tables

def as_article():
    """{run: Log} of the article."""
    return {log.run: log for log in logs.read_logs(ARTICLE_LOG)}


def ranking(trials, runs):
    """The readings, nearest to the article first, in Markdown. trials: {reading: {run: [Log]}}; runs: that are compared.

    Each is compared with the first one given by the figures that both have.
    """
    article = {run: figures_of(log) for run, log in as_article().items() if run in runs}
    figures = {reading: {run: [figures_of(log) for log in of[run]] for run in article if run in of}
               for reading, of in trials.items()}
    figures = {reading: of for reading, of in figures.items() if of}
    found = mean_distances(article, figures)
    base = next(iter(figures))
    mean_behind = {reading: np.mean(behind(found[base], found[reading]) or [np.inf]) for reading in found}
    ranked = sorted(found, key=mean_behind.get)
    lines = ['| reading | seeds | %s | all | behind the base |' % ' | '.join(
        '%s (%d)' % (run, len(article[run])) for run in article), '|---|---|' + '---:|' * (len(article) + 2)]
    for reading in ranked:
        sums = {run: sum(of.values()) for run, of in found[reading].items()}
        seeds = sorted({len(of) for of in figures[reading].values()})
        lines.append('| %s | %s | %s | %s | %+.2f |' % (
            reading.replace(',', ', '), ' to '.join(str(seeds[n]) for n in ((0, -1) if len(seeds) > 1 else (0,))),
            ' | '.join('%.1f' % sums[run] if run in sums else '–' for run in article),
            '%.1f' % sum(sums.values()) if len(sums) == len(article) else '–', mean_behind[reading]))
    if len(ranked) > 1:
        first, second = ranked[:2]
        apart = {(run, *key): z - found[first][run][key] for run, of in found[second].items() if run in found[first]
                 for key, z in of.items()}
        most = sorted(apart, key=lambda key: -abs(apart[key]))[:3]
        lines += ['', 'First and second are %.1f apart, mostly by %s. Of 1000 draws of their seeds with replacement, the first '
                  'is ahead in %.0f %%.' % (sum(apart.values()), ', '.join(
                      '%s of %s at epoch %d (%+.1f)' % (what, run, epoch, apart[run, epoch, what]) for run, epoch, what in most),
                      100 * draws_ahead(article, figures, first, second))]
    return ranked, '\n'.join(lines)


def test_lines(trials, readings):
    """Test cost and error, of the article, and of the seeds mean ± sd, in Markdown."""
    lines = ['| run | the article | %s |' % ' | '.join(reading.replace(',', ', ') for reading in readings),
             '|---' * (2 + len(readings)) + '|']
    for run, log in as_article().items():
        cells = []
        for reading in readings:
            tests = np.array([(of.test[1], of.test[4]) for of in trials[reading].get(run, []) if of.test])
            cells.append('%.4f ± %.4f, %.2f ± %.2f' % tuple(np.ravel(list(zip(
                tests.mean(0), tests.std(0, ddof=1))))) if len(tests) > 1 else '–')
        lines.append('| %s | %.4f, %.2f | %s |' % (run, log.test[1], log.test[4], ' | '.join(cells)))
    return '\n'.join(lines)


# ---- the trials

START = '# reading: '                   # of a log


def path_of(results, reading):
    return os.path.join(results, reading + '.log.gz')


def texts_of(results, reading):
    """{(run, seed): log} as text, of a reading's trials that are there."""
    try:
        text = logs.read_text(path_of(results, reading))
    except logs.LogError:
        if os.path.exists(path_of(results, reading)):
            raise
        return {}
    found = {}
    for part in text.split(START)[1:]:
        log, = logs.parse(START + part, path_of(results, reading))
        found[log.run, log.seed] = START + part
    return found


def add_log(results, reading, run, seed, text):
    """Puts a trial's log into its reading's file. Without the wall time: other work may have gone on beside it."""
    lines = [line for line in text.split('\n') if not line.startswith('# threads: ')]
    texts = dict(texts_of(results, reading), **{})
    texts[run, seed] = '\n'.join(lines)
    order = sorted(texts, key=lambda trial: (list(RUNS).index(trial[0]), trial[1]))
    os.makedirs(results, exist_ok=True)
    write_whole(path_of(results, reading), gzip.compress(''.join(texts[trial] for trial in order).encode(), mtime=0))


def read_trials(results, readings):
    """{reading: {run: [Log]}} of the readings that are there, by seed."""
    found = {}
    for reading in readings:
        for (run, _), text in texts_of(results, reading).items():
            found.setdefault(reading, {}).setdefault(run, []).append(logs.parse(text, path_of(results, reading))[0])
    return found


def train_missing(given, readings):
    """Trains what is missing of the readings, seed by seed, so that all get on alike; how many trials failed."""
    import trials
    import worker
    missing = {}
    for seed in range(given['trials']):
        for reading in readings:
            there = texts_of(given['results'], reading)
            for run in given['runs'].split(','):
                if (run, seed) not in there:
                    arguments = ['%s=%s' % item for item in RUNS[run].settings.items()] + reading.split(',')
                    missing[reading + ' ' + run, seed] = (
                        ROOT, run, os.path.join(HERE, 'reading.py'), arguments, seed, 1, False)
    if not missing:
        return 0

    def finished(name, seed, result):
        text, _, failure = result
        reading, run = name.split()
        if not failure:
            add_log(given['results'], reading, run, seed, text)
        return failure or 'done', bool(failure)

    with trials.connected('', given['workers']) as client:
        return trials.run_all(client, missing, finished)


# ---- the picture

def figure_of(trials, readings):
    """Cost and errors by epoch, a column for each run: the article's points over the curves of every seed."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    article = {run: figures_of(log) for run, log in as_article().items()}
    parts = [('cost', 'training cost / nats'), ('train', 'training error / %'), ('valid', 'validation error / %')]
    figure = Figure(figsize=(14, 6), dpi=drawing.DPI, layout='constrained')
    panels = figure.subplots(len(parts), len(article), sharex=True, sharey='row')
    for column, (run, printed) in zip(panels.T, article.items()):
        column[0].set_title(run)
        for (what, _), panel in zip(parts, column):
            points = {'article': [printed]}
            for reading, colour in zip(reversed(readings), (drawing.VERMILION, drawing.BLUE)):
                for log in trials[reading].get(run, []):
                    draw(panel, figures_of(log), what, color=colour, linewidth=0.9, alpha=0.7, marker='x' if log.diverged else '',
                         markevery=[-1], markersize=5)
            draw(panel, points['article'][0], what, color='black', marker='o', linestyle='', markersize=3.5)
            panel.grid(True)
    for (what, label), panel in zip(parts, panels[:, 0]):
        panel.set_ylabel(label)
    panels[0, 0].set_yscale('log')
    panels[1, 0].set_yscale('symlog', linthresh=0.01)
    panels[1, 0].set_ylim(-0.002, 5)
    panels[2, 0].set_ylim(0.7, 3.2)
    figure.supxlabel('epoch', fontsize=drawing.TEXT)
    figure.legend(handles=[
        Line2D([], [], color='black', marker='o', linestyle='', markersize=3.5, label='the article, as printed')] + [
        Line2D([], [], color=colour, label='every seed: ' + reading.replace(',', ', '))
        for reading, colour in zip(readings, (drawing.BLUE, drawing.VERMILION))], loc='outside lower center', ncol=3, frameon=False)
    return figure


def draw(panel, figures, what, **style):
    """A curve of a log's figures; those before training are left out, as they would squeeze all others."""
    points = sorted((epoch, value) for (epoch, of), value in figures.items() if of == what and epoch > 0)
    if points:
        epochs, values = zip(*points)
        panel.plot(epochs, np.exp(values) if what == 'cost' else values, **style)


def main(arguments):
    given = settings.parse(__doc__, DEFAULTS, RULES, arguments)
    readings = given['readings'].split(';')
    failed = train_missing(given, readings)
    found = read_trials(given['results'], readings)
    if not found:
        raise settings.SettingError('results = %s: no reading has been trained yet: trials=3 does it' % given['results'])
    ranked, table = ranking(found, given['runs'].split(','))
    print('%s\n\n%s' % (table, test_lines(found, ranked[:3])))
    if given['png']:
        drawing.load_matplotlib()
        drawing.save(figure_of(found, [reading for reading in readings if reading in found][:2]), given['png'])
    if failed:
        script.stop('%d trials failed; the same command tries again' % failed, 1)


if __name__ == '__main__':
    with script.ending():
        main(sys.argv[1:])
