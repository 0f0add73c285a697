"""Figures of the errors of runs: groups of logs in, a matplotlib Figure out."""
import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from drawing import BLUE, DEFAULT_WIDTH, DPI, GREEN, GREY, INCH, VERMILION, as_label, letters
from groups import by_epoch, deviation, tested

COST, TRAIN, VALID = 0, 1, 2            # columns of a log
TIMES = [(unit * n, '%g %s' % (n, name)) for unit, name, numbers in (
    (1, 's', (0.01, 0.1, 1, 10)), (60, 'min', (1, 10)), (3600, 'h', (1, 10, 100))) for n in numbers]


def mean_and_deviation(lists):
    return np.array([(np.mean(values), deviation(values)) for values in lists]).T


def title_of(group, inches):
    """A group's name, and of how many seeds it is, in lines that fit."""
    name, diverged = as_label(group.name), sum(log.diverged is not None for log in group.logs)
    seeds = '(%s%s)' % ('%d seeds' % len(group.logs) if len(group.logs) > 1 else '1 seed',
                        ', %d diverged' % diverged if diverged else '')
    most = letters(inches)
    return '%s %s' % (name, seeds) if len(name + seeds) < most else '\n'.join(textwrap.wrap(name, most) + [seeds])


def curves_figure(groups, width=DEFAULT_WIDTH, of='error', behind=False):
    """Errors by epoch, or of='cost': a panel for each group, all of one scale. width: in cm.

    Lines and bands are mean and standard deviation over seeds; test errors stand behind the last epoch. Errors are
    shown from 0 to the largest after the first fifth of the epochs: what is above, as before training, is cut off.
    behind: the first group's curves in grey behind all others'.
    """
    groups = [group for group in groups if by_epoch(group)]
    rows = -(-len(groups) // max(1, min(4, int(width // 4))))
    cols = -(-len(groups) // rows)
    inches = width / INCH
    figure = Figure(figsize=(inches, 0.9 + rows * min(0.75 * inches / cols + 0.2, 3)), dpi=DPI, layout='constrained')
    panels = figure.subplots(rows, cols, sharex=True, sharey=True, squeeze=False).ravel()
    last = max(max(by_epoch(group)) for group in groups) or 1
    tops, beyond = [], False
    for panel, group in zip(panels, groups):
        if behind and group is not groups[0]:
            draw_group(panel, groups[0], of, last, [GREY] * 3)
        tops.append(draw_group(panel, group, of, last, (BLUE, VERMILION, GREEN)))
        panel.grid(True)
        panel.set_title(title_of(group, inches / cols - 0.3))
    known = [top for top, group in zip(tops, groups) if tested(group)] or tops
    label = 'cost / nats'
    if of == 'cost':
        panels[0].set_yscale('log')
    else:
        top = 1.1 * max(known) or 1
        beyond = any(max(map(np.mean, filter(None, column)), default=0) > top for group in groups
                     for column in list(zip(*by_epoch(group).values()))[TRAIN:])
        panels[0].set_ylim(-0.03 * top, top)
        label = 'error / %' + (', cut off at %.2g' % top if beyond else '')
    panels[0].set_xlim(-0.03 * last, 1.1 * last)
    for empty in range(len(groups), len(panels)):
        panels[empty].set_visible(False)
        panels[empty - cols].tick_params(labelbottom=True)             # the lowest of its column now
    figure.supxlabel('epoch', fontsize='medium')
    figure.supylabel(label, fontsize='medium')
    handles = [Line2D([], [], color=BLUE, marker='o', markersize=3, label='training'),
               Line2D([], [], color=VERMILION, marker='s', markersize=3, label='validation'),
               Line2D([], [], color=GREEN, marker='D', markersize=4, linestyle='', label='test')]
    if of == 'cost':
        del handles[1]                                                 # is not printed
    if any(len(group.logs) > 1 for group in groups):
        handles.append(Patch(color=GREY, alpha=0.4, linewidth=0, label='mean ± standard deviation'))
    if behind and len(groups) > 1:
        handles.append(Line2D([], [], color=GREY, label=as_label(groups[0].name)))
    put_legend(figure, handles)
    return figure


def draw_group(panel, group, of, last, colours):
    """Draws a group's curves; returns the largest error after the first fifth of the epochs, spread included."""
    points, top = by_epoch(group), 0
    columns = [COST] if of == 'cost' else [TRAIN, VALID]
    for column, colour, marker in zip(columns, colours, 'os'):
        lists = {epoch: point[column] for epoch, point in points.items() if point[column]}
        if not lists:
            continue
        epochs, (mean, sd) = np.array(list(lists)), mean_and_deviation(lists.values())
        low = np.maximum(mean - sd, mean / 10 if of == 'cost' else 0)
        panel.fill_between(epochs, low, mean + sd, color=colour, alpha=0.2, linewidth=0)
        panel.plot(epochs, mean, color=colour, marker=marker if len(epochs) < 20 else '', markersize=3)
        late = epochs >= min(last / 5, epochs[-1])
        top = max(top, *(mean + sd)[late])
    finished = tested(group)
    if finished:
        test = [log.test[1 if of == 'cost' else 4] for log in finished]
        panel.errorbar(finished[0].test[0] + 0.05 * last, np.mean(test), deviation(test), color=colours[2], marker='D',
                       markersize=4, linestyle='', capsize=2)
        top = max(top, np.mean(test) + deviation(test))
    return top


def put_legend(figure, handles):
    """A legend above all, in as many columns as there is room for."""
    for columns in range(len(handles), 0, -1):
        legend = figure.legend(handles=handles, loc='outside upper center', ncols=columns, frameon=False)
        if columns == 1 or legend.get_window_extent().width < 0.95 * figure.bbox.width:
            return
        legend.remove()


def seeds_figure(groups, article, width=DEFAULT_WIDTH, times=False):
    """Test errors in a line for each group: every seed a point, mean and standard deviation; the article's beside them.

    article: {group's name: its figures, with test (in %) and wall (in s, or None), or None}. width: in cm.
    times: wall times in a second panel; there the bar is from the lower to the upper quartile, with the median.
    """
    inches = width / INCH
    figure = Figure(figsize=(inches, 1.1 + 0.2 * len(groups)), dpi=DPI, layout='constrained')
    panels = figure.subplots(1, 1 + times, sharey=True, squeeze=False)[0]
    names = []
    for line, group in enumerate(groups):
        finished, figures = tested(group), article.get(group.name)
        errors = [log.test[4] for log in finished]
        if errors:
            draw_line(panels[0], line, errors, np.mean(errors), 2 * [deviation(errors)])
        diverged = sum(log.diverged is not None for log in group.logs)
        names.append(as_label(group.name) + (' (%s diverged)' % (diverged if errors else 'all') if diverged else ''))
        wall = [log.wall_seconds for log in finished if log.wall_seconds]
        if times and wall:
            low, median, high = np.percentile(wall, (25, 50, 75))
            draw_line(panels[1], line, wall, median, (median - low, high - median))
        for panel, value in zip(panels, figures and (figures.test, figures.wall) or ()):
            if value is not None:
                panel.plot(value, line, marker='D', markersize=4.5, color=VERMILION, fillstyle='none', linestyle='',
                           gid=group.name)
    panels[0].set_yticks(range(len(groups)), names)
    panels[0].set_ylim(len(groups) - 0.5, -0.5)
    panels[0].set_xlabel('test error / %')
    for panel in panels:
        panel.grid(True)
        panel.set_axisbelow(True)
        panel.tick_params(axis='y', length=0)
    if times:
        panels[1].set_xscale('log')
        low, high = panels[1].get_xlim()
        ticks = [(seconds, words) for seconds, words in TIMES if low <= seconds <= high]
        panels[1].set_xticks([seconds for seconds, _ in ticks], [words for _, words in ticks])
        panels[1].set_xticks([], minor=True)
        panels[1].set_xlabel('wall time')
    several = any(len(tested(group)) > 1 for group in groups)
    handles = [Line2D([], [], color=BLUE, alpha=0.5, marker='o', markersize=3, linestyle='', label='a seed')]
    if several:
        handles.append(Line2D([], [], color='black', marker='|', markersize=7, label='mean ± standard deviation' + (
            ', median and quartiles' if times else '')))
    if any(article.get(group.name) for group in groups):
        handles.append(Line2D([], [], color=VERMILION, marker='D', markersize=4.5, fillstyle='none', linestyle='',
                              label='the article, 2015: one run'))
    put_legend(figure, handles)
    return figure


def draw_line(panel, line, values, middle, spread):
    """A point for each value, and a bar around the middle."""
    panel.plot(values, [line] * len(values), color=BLUE, alpha=0.5, marker='o', markersize=3, linestyle='')
    if len(values) > 1:
        panel.errorbar(middle, line + 0.25, xerr=np.transpose([spread]), color='black', marker='|', markersize=6)
