"""Draws the errors of groups of runs, by matplotlib (optional: `make extras`), for compare.py."""
import math

import numpy as np

from logs import by_epoch, deviation, tested

COLOURS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#F0E442']     # Okabe and Ito's
STYLES = [(colour, marker) for marker in '.sv' for colour in COLOURS]


def as_label(name):
    """A name as matplotlib prints it: no formula between $, not left out for a _ in front, at most 50 characters."""
    name = name if len(name) <= 50 else '...' + name[-47:]
    return (' ' if name.startswith('_') else '') + name.encode(errors='replace').decode().replace('$', r'\$')


def draw(found):
    """Figure of the errors against the epoch: validation solid, training dashed, test a diamond; bands: mean +- sd."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter, SymmetricalLogLocator

    names = [as_label(group.name) for group in found]
    handles = [Line2D([], [], color=colour, linewidth=4, label=name, marker=marker if marker != '.' else '', markersize=9)
               for name, (colour, marker) in zip(names, STYLES)] + [
        Line2D([], [], color='grey', label='validation'),
        Line2D([], [], color='grey', linestyle='--', label='training'),
        Line2D([], [], color='grey', linestyle='', marker='D', markerfacecolor='white', label='test')]
    if any(len(group.logs) > 1 for group in found):
        handles.append(Patch(color='grey', alpha=0.2, linewidth=0, label='mean +- sd'))
    figure = Figure(figsize=(8, 4.8), layout='constrained')
    FigureCanvasAgg(figure)
    for columns in (4, 3, 2, 1):                # as many as the names leave room for
        legend = figure.legend(handles=handles, loc='outside lower center', ncol=columns, frameon=False)
        if legend.get_window_extent().width < 0.95 * figure.bbox.width or columns == 1:
            break
        legend.remove()
    figure.set_figheight(4.8 + 0.22 * -(-len(handles) // columns))
    axes = figure.add_subplot()
    last, means = max(epoch for group in found for epoch in by_epoch(group)), []
    for n, (group, (colour, marker)) in enumerate(zip(found, STYLES), 1):
        errors = by_epoch(group)
        for part, style in ((1, '-'), (0, '--')):
            mean, sd = (np.array([of(point[part]) for point in errors.values()]) for of in (np.mean, deviation))
            axes.plot(list(errors), mean, style, color=colour, marker=marker, markersize=5 if marker != '.' else None)
            if sd.any():
                axes.fill_between(list(errors), np.maximum(mean - sd, 0), mean + sd, color=colour, alpha=0.2,
                                  linewidth=0)
            means.extend(mean)
        test = [log.test[4] for log in tested(group)]
        if test:
            mean, sd = np.mean(test), deviation(test)
            beside = tested(group)[0].test[0] + 0.015 * n * last       # the last epoch, and the groups before
            axes.errorbar(beside, mean, [[min(mean, sd)], [sd]], fmt='D', color=colour, markerfacecolor='white',
                          zorder=3)
            means.append(mean)
    # Logarithmic down to the power of ten below the least error, linear from there to 0, which occurs.
    least = 10.**math.floor(math.log10(min((mean for mean in means if mean > 0), default=1)))
    axes.set_yscale('symlog', linthresh=least, linscale=0.5)
    axes.set_ylim(bottom=-0.2 * least)
    axes.yaxis.set_minor_locator(SymmetricalLogLocator(base=10, linthresh=least, subs=range(2, 10)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: '%g' % value))
    axes.grid(alpha=0.4)
    axes.set(xlabel='epoch', ylabel='errors (%%), linear below %g %%' % least)
    return figure
