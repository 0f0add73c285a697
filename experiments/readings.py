"""Compares readings of the article, of what it leaves open or may have misprinted, with all the lines that it prints.

    python experiments/readings.py                  a ranking, of the trials that are there
    python experiments/readings.py trials=3         trains what is missing first, from seeds 0, 1, 2
    python experiments/readings.py png=FILE         draws the article's points over the seeds' curves of two readings

A trial is experiments/reading.py in a process of its own, on the workers of cluster.py. Its log is added to
results/readings/READING.log.gz, and it is never run again. A reading is named by its settings, joined by commas.
"""
import gzip
import os
import sys

from paths import HERE, RESULTS, ROOT
import numpy as np

from datasets.files import write_whole
from run import locks, script, settings
import cluster
import drawing
import logs
from distances import differences, distances, figures_of, share_ahead
from machine import cores
from runs import ARTICLE, PRINTED

CHOSEN, OLD = 'mean=False,softmax=0.02', 'formula=average,eta=0.5,Wsigma=0.1'
READINGS = [
    CHOSEN, OLD, 'formula=textbook',
    # one thing at a time, from formula=textbook on: see reading.py
    'formula=before', 'formula=nesterov',
    'eta=0.5', 'eta=0.25', 'eta=0.1', 'eta=0.025',
    'Wsigma=0.02', 'Wsigma=0.1', 'inputs=True',
    'softmax=0.01', 'softmax=0.02',
    'mean=False', 'scale=1', 'order=once',
    # pairs of the best
    'softmax=0.01,Wsigma=0.02', 'mean=False,softmax=0.01', 'mean=False,Wsigma=0.02',
    'mean=False,Wsigma=0.02,softmax=0.02',
]
SMALL = [name for name, run in ARTICLE.items() if run.settings.get('W1nch') != 64]
START = '# reading: '                   # of a log

DEFAULTS = {'readings': ';'.join(READINGS), 'runs': ','.join(SMALL), 'trials': 0, 'workers': cores(), 'png': '',
            'results': os.path.join(RESULTS, 'readings')}
RULES = {
    'readings': (lambda value: isinstance(value, str) and value and not {' ', '/'} & set(value),
                 "readings, separated by semicolons, their settings by commas, such as 'eta=0.1;mean=False,scale=1': "
                 'all are compared with the first'),
    'runs': settings.names_from(ARTICLE),
    'trials': (settings.integers(0, 1000)[0], 'a whole number from 0 to 1000: of each run, from seeds 0, 1, 2, ...'),
    'workers': settings.integers(1, 1000),
    'png': (drawing.FILE[0], drawing.FILE[1] + ': of the first two readings'),
    'results': (lambda value: isinstance(value, str) and value, 'a folder, or the name for one'),
}


def typed(reading):
    """A reading's name as settings are typed."""
    return reading.replace(',', ' ')


# ---- the trials

def path_of(results, reading):
    return os.path.join(results, reading + '.log.gz')


def texts_of(results, reading):
    """{(run, seed): log} as text, of a reading's trials that are there. Raises LogError."""
    path = path_of(results, reading)
    found = {}
    for part in logs.read_text(path).split(START)[1:] if os.path.exists(path) else []:
        log, = logs.parse(START + part, path)
        found[log.run, log.seed] = START + part
    return found


def add_log(results, reading, run, seed, text):
    """Puts a trial's log into its reading's file. Without the wall time: other work may have gone on beside it."""
    texts = texts_of(results, reading)
    texts[run, seed] = ''.join(line for line in text.splitlines(True) if not line.startswith('# threads: '))
    names = list(ARTICLE)
    body = ''.join(texts[trial] for trial in sorted(texts, key=lambda trial: (names.index(trial[0]), trial[1])))
    os.makedirs(results, exist_ok=True)
    write_whole(path_of(results, reading), gzip.compress(body.encode(), mtime=0))


def read_trials(results, readings):
    """{reading: {run: [Log]}} of the readings that are there, by seed."""
    found = {}
    for reading in readings:
        for (run, _), text in texts_of(results, reading).items():
            found.setdefault(reading, {}).setdefault(run, []).append(logs.parse(text, path_of(results, reading))[0])
    return found


def train_missing(given, readings):
    """Trains what is missing of the readings, seed by seed, so that all get on alike. Returns how many failed."""
    missing = {}
    for seed in range(given['trials']):
        for reading in readings:
            there = texts_of(given['results'], reading)
            for run in given['runs'].split(','):
                if (run, seed) not in there:
                    arguments = ['%s=%s' % item for item in ARTICLE[run].settings.items()] + reading.split(',')
                    missing[reading + ' ' + run, seed] = (
                        ROOT, run, os.path.join(HERE, 'reading.py'), arguments, seed, 1, False)

    def finished(name, seed, result):
        (reading, _, run), (text, _, failure) = name.rpartition(' '), result
        if not failure:
            add_log(given['results'], reading, run, seed, text)
        return failure or 'done', bool(failure)

    if not missing:
        return 0
    os.makedirs(given['results'], exist_ok=True)
    lock = locks.lock(os.path.join(given['results'], 'readings'))
    try:
        with cluster.connected('', given['workers']) as client:
            return cluster.run_all(client, missing, finished)
    finally:
        locks.unlock(lock)


# ---- the tables

def ranking(trials, runs):
    """(the readings, nearest to the article first; their table in Markdown). trials: {reading: {run: [Log]}}.

    Each is compared with the first one given, by the figures of these runs that both have.
    """
    article = {run: figures_of(log) for run, log in PRINTED.items() if run in runs}
    figures = {reading: {run: [figures_of(log) for log in of[run]] for run in article if run in of}
               for reading, of in trials.items()}
    found = distances(article, figures)
    base = found[next(iter(found))]
    behind = {reading: np.mean(list(differences(base, of).values()) or [np.inf]) for reading, of in found.items()}
    ranked = sorted(found, key=behind.get)
    lines = ['| reading | seeds | %s | all | further than the first, a figure |' % ' | '.join(
        '%s (%d)' % (run, len(article[run])) for run in article), '|---|---|' + '---:|' * (len(article) + 2)]
    complete = [reading for reading in ranked if set(figures[reading]) == set(article)]
    for reading in ranked:
        sums = {run: sum(z for key, z in found[reading].items() if key[0] == run) for run in figures[reading]}
        seeds = [len(of) for of in figures[reading].values()] or [0]
        lines.append('| `%s` | %s | %s | %s | %+.2f |' % (
            typed(reading), ' to '.join(str(n) for n in sorted({min(seeds), max(seeds)})),
            ' | '.join('%.1f' % sums[run] if run in sums else '–' for run in article),
            '%.1f' % sum(found[reading].values()) if reading in complete else '–', behind[reading]))
    if len(complete) > 1:
        first, second = complete[:2]
        apart = differences(found[first], found[second])
        most = ['%s of %s at epoch %d (%+.1f)' % (what, run, epoch, z) for (run, epoch, what), z in
                sorted(apart.items(), key=lambda item: -abs(item[1]))[:3]]
        lines += ['', 'The first two that have all runs, `%s` and `%s`, are %.1f apart, mostly by %s. Of 1000 draws of '
                  'their seeds with replacement, the first is ahead in %.0f %%.' % (
                      typed(first), typed(second), sum(apart.values()), ', '.join(most),
                      100 * share_ahead(article, figures, first, second))]
    return ranked, '\n'.join(lines)


def test_lines(trials, readings):
    """Test cost and error, of the article, and of the seeds mean ± sd, in Markdown."""
    lines = ['| run | the article | %s |' % ' | '.join('`%s`' % typed(reading) for reading in readings),
             '|---' * (2 + len(readings)) + '|']
    for run, log in PRINTED.items():
        cells = []
        for reading in readings:
            tests = np.array([(of.test[1], of.test[4]) for of in trials[reading].get(run, []) if of.test])
            cells.append('–' if len(tests) < 2 else '%.4f ± %.4f, %.2f ± %.2f' % tuple(
                np.transpose([tests.mean(axis=0), tests.std(axis=0, ddof=1)]).ravel()))
        lines.append('| %s | %.4f, %.2f | %s |' % (run, log.test[1], log.test[4], ' | '.join(cells)))
    return '\n'.join(lines)


# ---- the picture

def figure_of(trials, readings):
    """Cost and errors by epoch, a column for each run: the article's points over the curves of every seed."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    article = {run: figures_of(log) for run, log in PRINTED.items()}
    colours = dict(zip(readings, (drawing.BLUE, drawing.VERMILION)))
    points = dict(color='black', marker='o', linestyle='', markersize=3.5)
    figure = Figure(figsize=(14, 6), dpi=drawing.DPI, layout='constrained')
    panels = figure.subplots(3, len(article), sharex=True, sharey='row')
    for column, (run, printed) in zip(panels.T, article.items()):
        column[0].set_title(run)
        for what, panel in zip(('cost', 'train', 'valid'), column):
            panel.grid(True)
            for reading in reversed(readings):
                for log in trials[reading].get(run, []):
                    draw(panel, figures_of(log), what, color=colours[reading], linewidth=0.9, alpha=0.7, markersize=5,
                         marker='x' if log.diverged else '', markevery=[-1])
            draw(panel, printed, what, **points)
    for panel, label in zip(panels[:, 0], ('training cost / nats', 'training error / %', 'validation error / %')):
        panel.set_ylabel(label)
    panels[0, 0].set_yscale('log')
    panels[0, 0].set_ylim(2e-5, 0.5)
    panels[1, 0].set_yscale('symlog', linthresh=0.01)
    panels[1, 0].set_ylim(-0.002, 5)
    panels[2, 0].set_ylim(0.7, 3.2)
    for panel in panels[-1]:
        panel.set_xlabel('epoch')
    figure.legend(loc='outside lower center', ncol=3, frameon=False, handles=[
        Line2D([], [], label='the article', **points)] + [
        Line2D([], [], color=colour, label='every seed of ' + typed(reading)) for reading, colour in colours.items()])
    return figure


def draw(panel, figures, what, **style):
    """The points of a log's figures; those before training are left out, as they would squeeze all others."""
    points = sorted((epoch, np.exp(value) if what == 'cost' else value) for (epoch, of), value in figures.items()
                    if of == what and epoch > 0)
    if points:
        panel.plot(*zip(*points), **style)


def main(arguments):
    given = settings.parse(__doc__, DEFAULTS, RULES, arguments)
    readings = given['readings'].split(';')
    failed = train_missing(given, readings)
    found = read_trials(given['results'], readings)
    if not found:
        raise settings.SettingError('results = %s: has no reading yet: trials=3 trains them' % given['results'])
    ranked, table = ranking(found, given['runs'].split(','))
    print('%s\n\n%s' % (table, test_lines(found, ranked[:3])))
    if given['png']:
        drawing.load_matplotlib()
        drawing.save(figure_of(found, list(found)[:2]), given['png'])
    if failed:
        script.stop('%d trials failed; the same command tries again' % failed, 1)


if __name__ == '__main__':
    with script.ending():
        os.environ.setdefault('DASK_LOGGING__DISTRIBUTED', 'error')
        main(sys.argv[1:])
