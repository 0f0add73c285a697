"""What each change buys, from the article's best net on: validation errors of the runs of the ladder, paired by seed.

    python experiments/trials.py runs=ladder trials=5       trains them
    python experiments/ladder.py                            tables, of the rungs and choices that are there
    python experiments/ladder.py png=FILE width=8.5         a picture of the rungs, so many cm wide

Each rung has one change more than the last one before it that was kept; what buys nothing is not kept. The choices are
the nets that the ladder does not lead to, and one change of each. Test errors are not looked at.
"""
import os
import sys

from paths import RESULTS
import numpy as np

from run import script, settings
import drawing
from groups import groups_of
from runs import CHOICES, NOT_KEPT, RUNGS, STARTS
from summary import statistics

DEFAULTS = {'results': RESULTS, 'png': '', 'width': 12.7}
RULES = {'results': (lambda value: isinstance(value, str) and value, 'a folder of results'), 'png': drawing.FILE,
         'width': drawing.WIDTH}


def errors(results, rungs):
    """{rung: {seed: validation error in % after the last epoch}}, of trials that ended, in the order of the rungs."""
    logs = os.path.join(results, 'logs')
    there = [os.path.join(logs, 'ladder-' + rung) for rung in rungs]
    groups = groups_of([path for path in there if os.path.isdir(path)]) if any(map(os.path.isdir, there)) else []
    found = {group.name[len('ladder-'):]: {log.seed: log.test[3] for log in group.logs if log.test} for group in groups}
    return {rung: by_seed for rung, by_seed in found.items() if by_seed}


def steps(found, rungs):
    """[(rung, its errors, differences from the kept rung before it on the seeds that both have)] of those found."""
    before, result = None, []
    for rung in rungs:
        if rung in STARTS:
            before = None
        seeds = sorted(set(found.get(rung, ())) & set(found.get(before, ())))
        if rung in found:
            result.append((rung, list(found[rung].values()),
                           [found[rung][seed] - found[before][seed] for seed in seeds]))
        if rung not in NOT_KEPT:
            before = rung
    return result


def table(results, rungs):
    """In Markdown: a row for each rung, from below."""
    lines = ['| rung | change | seeds | valid % | buys | 95 % |', '|---|---|---:|---:|---:|---|']
    for rung, values, differences in steps(errors(results, rungs), rungs):
        change = ' '.join(settings.typed(*item) for item in rungs[rung].items())
        mean, sd, _ = statistics(values)
        bought, _, (low, high) = statistics(differences) if differences else (np.nan, np.nan, (np.nan, np.nan))
        lines.append('| %s | `%s` | %d | %.3f ± %.3f | %s | %s |' % (
            rung + ', not kept' * (rung in NOT_KEPT), change, len(values), mean, sd,
            '%+.3f' % bought if differences else '',
            '%+.3f to %+.3f' % (low, high) if len(differences) > 1 else ''))
    return '\n'.join(lines)


def figure_of(found, width):
    """Validation errors, a line for each rung: a point for each seed, a bar for the mean."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width / drawing.INCH, 0.18 * len(found) + 0.7), dpi=drawing.DPI, layout='constrained')
    panel = figure.subplots()
    labels = []
    for n, (rung, values) in enumerate(found.items()):
        values, kept = list(values.values()), rung not in NOT_KEPT
        points, bar = (drawing.BLUE, 'black') if kept else (drawing.GREY, drawing.GREY)
        panel.plot(values, [n] * len(values), 'o', color=points, alpha=0.5, markersize=3)
        panel.plot([np.mean(values)] * 2, [n - 0.35, n + 0.35], color=bar, linewidth=1.5)
        labels.append(('+ %s' if kept else '(+ %s)') % rung if n else rung)
    panel.set_yticks(range(len(found)), labels)
    panel.invert_yaxis()
    panel.grid(axis='x', alpha=0.4)
    panel.set_xlabel('validation error / %')
    return figure


def main(arguments):
    given = settings.parse(__doc__, DEFAULTS, RULES, arguments)
    if given['png']:
        drawing.load_matplotlib()
    found = errors(given['results'], RUNGS)
    if not found and (given['png'] or not errors(given['results'], CHOICES)):
        raise settings.SettingError('results = %s: has no trial of the ladder: '
                                    '`python experiments/trials.py runs=ladder` '
                                    'trains them' % given['results'])
    print(table(given['results'], RUNGS) + '\n')
    print(table(given['results'], CHOICES))
    if given['png']:
        drawing.save(figure_of(found, given['width']), given['png'])


if __name__ == '__main__':
    with script.ending():
        main(sys.argv[1:])
