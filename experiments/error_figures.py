"""Figures of the errors of runs: plain data in, a matplotlib Figure out, for pictures.py.

There is no pyplot here: Agg draws, with a display or without.
"""
import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from logs import deviation

WIDTH, DPI = 12.5, 120                  # inches, pixels per inch: 1500 pixels wide
# Okabe and Ito's colours, which the colour-blind tell apart; grey for their yellow, which is too pale on white.
COLOURS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#999999']
BLUE, VERMILION, GREY = COLOURS[0], COLOURS[1], COLOURS[7]
MARKERS = 'os^DvPX*'
TIMES = [(unit * n, '%g %s' % (n, name)) for unit, name, numbers in (
    (1, 's', (0.01, 0.1, 1, 2, 5, 10, 30)), (60, 'min', (1, 2, 5, 10, 30)), (3600, 'h', (1, 2, 5, 10, 24, 48)))
    for n in numbers]


def new_figure(height):
    """An empty figure of a height in inches."""
    return Figure(figsize=(WIDTH, height), dpi=DPI, layout='constrained')


def curves_figure(groups):
    """Training and validation errors by epoch: mean and standard deviation over seeds, a panel for each group.

    groups: [(name, logs)]; a log has rows {epoch: (cost, training error, validation error)}, errors in %.
    """
    rows = -(-len(groups) // 4)
    cols = -(-len(groups) // rows)
    figure = new_figure(1 + (5 if len(groups) == 1 else 3.3 if rows < 3 else 2.5) * rows)
    axes = figure.subplots(rows, cols, sharex=True, sharey=True, squeeze=False).ravel()
    for ax, (name, logs) in zip(axes, groups):
        epochs = sorted({epoch for log in logs for epoch in log.rows})
        for column, colour, marker in ((1, BLUE, 'o'), (2, VERMILION, 's')):
            errors = [[log.rows[epoch][column] for log in logs if epoch in log.rows] for epoch in epochs]
            mean, sd = np.array([np.mean(e) for e in errors]), np.array([deviation(e) for e in errors])
            ax.fill_between(epochs, mean - sd, mean + sd, color=colour, alpha=0.25, linewidth=0)
            ax.plot(epochs, mean, color=colour, marker=marker if len(epochs) < 20 else '', markersize=4, clip_on=False)
        ax.set_yscale('symlog', linthresh=0.01, linscale=0.5)        # linear below 0.01 %: there are errors of 0
        ax.set_ylim(0, 100)
        ax.set_yticks([0, 0.01, 0.1, 1, 10, 100], ['0', '0.01', '0.1', '1', '10', '100'])
        ax.grid(color='#DDDDDD')
        seeds = '%d seeds' % len(logs) if len(logs) > 1 else '1 seed'
        diverged = sum(log.diverged is not None for log in logs)
        seeds += ', %d diverged' % diverged if diverged else ''
        ax.set_title(textwrap.fill('%s (%s)' % (name, seeds), 120 // cols), fontsize=10)
    for empty in range(len(groups), len(axes)):
        axes[empty].set_visible(False)
        axes[empty - cols].tick_params(labelbottom=True)             # the lowest of its column now
    figure.supxlabel('epoch', fontsize=10)
    figure.supylabel('error / %', fontsize=10)
    handles = [Line2D([], [], color=BLUE, marker='o', label='training error'),
               Line2D([], [], color=VERMILION, marker='s', label='validation error')]
    if any(len(logs) > 1 for _, logs in groups):
        handles.append(Patch(color=GREY, alpha=0.4, linewidth=0, label='mean ± standard deviation over seeds'))
    figure.legend(handles=handles, loc='outside upper center', ncols=3, frameon=False)
    return figure


def times_figure(rows, article):
    """Test error by wall time, a point for each run, over seeds; hollow: the article's.

    Error: mean and standard deviation; time: median and quartiles. rows: a dict for each trial, of run, test_error (in
    %; None if it diverged), wall_seconds. article: {run: figures}, the figures with test (in %) and wall (seconds, or
    None), or None where the article has none.
    """
    figure = new_figure(7)
    ax = figure.subplots()
    points, seeds, untimed = [], set(), []
    finished = [row for row in rows if row['test_error'] is not None]
    diverged = [run for run in dict.fromkeys(row['run'] for row in rows) if run not in {row['run'] for row in finished}]
    for number, run in enumerate(dict.fromkeys(row['run'] for row in finished)):
        errors = [row['test_error'] for row in finished if row['run'] == run]
        low, x, high = np.percentile([row['wall_seconds'] for row in finished if row['run'] == run], (25, 50, 75))
        y, dx, dy = np.mean(errors), max(x - low, high - x), deviation(errors)
        style = {'color': COLOURS[number % len(COLOURS)], 'markersize': 8,
                 'marker': MARKERS[(number + number // len(COLOURS)) % len(MARKERS)]}           # no pair occurs twice
        ax.errorbar(x, y, dy, [[x - low], [high - x]], capsize=3, linestyle='', label=run, **style)
        points.append((x, y, dx, dy, run))
        seeds.add(len(errors))
        figures = article.get(run)
        if figures and figures.wall:
            ax.plot(figures.wall, figures.test, fillstyle='none', linestyle='', gid=run, **style)
            points.append((figures.wall, figures.test, 0., 0., ''))
        elif figures:
            untimed.append(run)
    first = min(max(x - dx, x / 2) for x, _, dx, _, _ in points) / 2         # x - dx may be below 0
    last = max(x + dx for x, _, dx, _, _ in points) * 2
    ax.set_xscale('log')
    ax.set_xlim(first, last)
    ax.set_xticks(*zip(*[(seconds, words) for seconds, words in TIMES if first <= seconds <= last]))
    ax.set_xticks([], minor=True)
    ax.margins(y=0.15)
    ax.set(xlabel='wall time', ylabel='test error / %')
    ax.grid(color='#DDDDDD')
    style = {'color': '#666666', 'marker': 'o', 'linestyle': '', 'markersize': 8}
    here = 'here: ' + ('one seed' if seeds == {1} else
                       'error, mean and standard deviation; time, median and quartiles; %s seeds each' % (
                           ' to '.join(map(str, sorted({min(seeds), max(seeds)})))))
    there = 'the article, 2015: one run each, same shape and colour'
    there += ' (gives no time for %s)' % ', '.join(untimed) if untimed else ''
    handles = [Line2D([], [], label=here, **style), Line2D([], [], label=there, fillstyle='none', **style)]
    if diverged:
        handles.append(Patch(facecolor='none', label='no point: diverged from every seed: ' + ', '.join(diverged)))
    figure.legend(handles=handles, loc='outside upper left', frameon=False)
    put_labels(ax, points)
    return figure


def put_labels(ax, points):
    """Writes the label of each point (x, y, dx, dy, label) beside it, where it covers no point and no other label.

    Nor does the line from a point to its label pass behind another label, where there is such a place.
    """
    ax.figure.draw_without_rendering()                                       # lays the axes out
    frame, place = ax.get_window_extent(), ax.transData.transform
    taken = [Bbox(place([(max(x - dx, x / 2), y - dy), (x + dx, y + dy)])).padded(10) for x, y, dx, dy, _ in points]
    labels, lines = [], []

    def faults(box, line):
        outside = [not frame.contains(*corner) for corner in (box.min, box.max)]
        crossed = [line.intersects_bbox(label) for label in labels] + [other.intersects_bbox(box) for other in lines]
        return box.count_overlaps(taken + labels) + sum(outside), sum(crossed)

    sides = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)]
    arrow = {'arrowstyle': '-', 'color': GREY, 'linewidth': 0.7, 'shrinkB': 6}
    for x, y, _, _, words in filter(lambda point: point[-1], points):
        note = ax.annotate(words, (x, y), (0, 0), textcoords='offset points', ha='center', va='center', in_layout=False,
                           arrowprops=arrow)
        point, size = place((x, y)), np.array(Text.get_window_extent(note).size)
        candidates = []                                                      # from near to far
        for far in (10, 25, 45, 70, 100, 130):
            for side in sides:
                middle = point + np.multiply(side, far * DPI / 72 + size / 2)
                candidates.append((Bbox([middle - size / 2, middle + size / 2]), Path([point, middle])))
        box, line = min(candidates, key=lambda candidate: faults(*candidate))
        note.xyann = (line.vertices[1] - point) * 72 / DPI
        labels.append(box)
        lines.append(line)
