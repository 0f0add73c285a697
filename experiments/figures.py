"""Figures of errors, filters, feature maps and mistakes: plain data in, a matplotlib Figure out.

pictures.py finds the data and writes the files. There is no pyplot here: Agg draws, with a display or without.
"""
import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox

WIDTH, DPI = 12.5, 120                  # inches, pixels per inch: 1500 pixels wide
SHEET = 100                             # small pictures shown at most
LINE = 100                              # units of a fully connected layer in a line
# Okabe and Ito's colours, which the colour-blind tell apart; grey for their yellow, which is too pale on white.
COLOURS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#999999']
BLUE, VERMILION, GREEN, GREY = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[7]
MARKERS = 'os^DvPX*'
TIMES = [(unit * n, '%g %s' % (n, name)) for unit, name, numbers in (
    (1, 's', (0.01, 0.1, 1, 2, 5, 10, 30)), (60, 'min', (1, 2, 5, 10, 30)), (3600, 'h', (1, 2, 5, 10, 24, 48)))
    for n in numbers]


def new_figure(height, title=''):
    """An empty figure of a height in inches, its title in lines that fit."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout='constrained')
    if title:
        figure.suptitle(textwrap.fill(title, 115), fontsize=12)
    return figure


def grid(figure, n, cols):
    """n axes without ticks, in rows of cols."""
    axes = figure.subplots(-(-n // cols), cols, squeeze=False, subplot_kw={'xticks': [], 'yticks': []}).ravel()
    for ax in axes[n:]:
        ax.set_visible(False)
    return axes[:n]


def height_of(n, cols, shape, lines, width=WIDTH):
    """Inches that n pictures of a shape (rows, columns) take, in rows of cols, each with lines of text."""
    return -(-n // cols) * (width / cols * min(max(shape[0] / shape[1], 0.3), 2) + 0.17 * lines)


def columns(n):
    """How many of n maps stand side by side."""
    return 8 if n <= 32 else 16


def as_picture(x):
    """What imshow takes of an image (Xnch, Xrow, Xcol) of pixels from 0 to 1: its colours, or its first channel."""
    return np.moveaxis(x, 0, 2).clip(0, 1) if len(x) == 3 else x[0]


def channel_words(Xnch):
    return '' if Xnch in (1, 3) else ' (first of %d channels)' % Xnch


# ---- errors

def curves_figure(groups):
    """Training and validation errors by epoch: mean and standard deviation over seeds, a panel for each group.

    groups: [(name, logs)]; a log has rows {epoch: (cost, training error, validation error)}, errors in %.
    """
    rows = -(-len(groups) // 4)
    cols = -(-len(groups) // rows)
    figure = new_figure(1 + 3.3 * rows if len(groups) > 1 else 5.5)
    axes = figure.subplots(rows, cols, sharex=True, sharey=True, squeeze=False).ravel()
    for ax, (name, logs) in zip(axes, groups):
        epochs = sorted(set.intersection(*(set(log.rows) for log in logs)))
        for column, colour, marker in ((1, BLUE, 'o'), (2, VERMILION, 's')):
            errors = np.array([[log.rows[epoch][column] for epoch in epochs] for log in logs])
            mean, sd = errors.mean(axis=0), errors.std(axis=0, ddof=1) if len(logs) > 1 else 0.
            ax.fill_between(epochs, mean - sd, mean + sd, color=colour, alpha=0.25, linewidth=0)
            ax.plot(epochs, mean, color=colour, marker=marker if len(epochs) < 20 else '', markersize=4, clip_on=False)
        ax.set_yscale('symlog', linthresh=0.01, linscale=0.5)        # linear below 0.01 %: there are errors of 0
        ax.set_ylim(0, 100)
        ax.set_yticks([0, 0.01, 0.1, 1, 10, 100], ['0', '0.01', '0.1', '1', '10', '100'])
        ax.grid(color='#DDDDDD')
        seeds = '%d seeds' % len(logs) if len(logs) > 1 else '1 seed'
        ax.set_title(textwrap.fill('%s (%s)' % (name, seeds), 120 // cols), fontsize=10)
    for ax in axes[len(groups):]:
        ax.set_visible(False)
    figure.supxlabel('epoch', fontsize=10)
    figure.supylabel('error / %', fontsize=10)
    handles = [Line2D([], [], color=BLUE, marker='o', label='training error'),
               Line2D([], [], color=VERMILION, marker='s', label='validation error (mean over seeds, band: ± sd)')]
    figure.legend(handles=handles, loc='outside upper center', ncols=2, frameon=False)
    return figure


def times_figure(rows, article):
    """Test error by wall time, a point for each run: mean and standard deviation over seeds; hollow: the article's.

    rows: a dict for each trial, of run, test_error (in %), wall_seconds. article: {run: figures}, the figures with
    test (in %) and wall (seconds, or None), or None where the article has none.
    """
    figure = new_figure(7)
    ax = figure.subplots()
    points, seeds, untimed = [], set(), []
    for number, run in enumerate(dict.fromkeys(row['run'] for row in rows)):
        trials = np.array([(row['wall_seconds'], row['test_error']) for row in rows if row['run'] == run], float)
        (x, y), (dx, dy) = trials.mean(axis=0), trials.std(axis=0, ddof=1) if len(trials) > 1 else (0., 0.)
        style = {'color': COLOURS[number % len(COLOURS)], 'marker': MARKERS[number % len(MARKERS)], 'markersize': 8}
        ax.errorbar(x, y, dy, dx, capsize=3, linestyle='', label=run, **style)
        points.append((x, y, dx, dy, run))
        seeds.add(len(trials))
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
    here = 'here: mean and standard deviation (seeds: %s)' % ', '.join(map(str, sorted(seeds)))
    there = 'the article, 2015: one run each, same shape and colour'
    there += ' (gives no time for %s)' % ', '.join(untimed) if untimed else ''
    figure.legend(handles=[Line2D([], [], label=here, **style), Line2D([], [], label=there, fillstyle='none', **style)],
                  loc='outside upper left', frameon=False)
    put_labels(ax, points)
    return figure


def put_labels(ax, points):
    """Writes the label of each point (x, y, dx, dy, label) beside it, where it covers no point and no other label."""
    ax.figure.draw_without_rendering()                                       # lays the axes out
    frame, place = ax.get_window_extent(), ax.transData.transform
    taken = [Bbox(place([(max(x - dx, x / 2), y - dy), (x + dx, y + dy)])).padded(10) for x, y, dx, dy, _ in points]
    sides = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)]
    line = {'arrowstyle': '-', 'color': GREY, 'linewidth': 0.7, 'shrinkB': 6}
    for x, y, _, _, label in filter(lambda point: point[-1], points):
        note = ax.annotate(label, (x, y), (0, 0), textcoords='offset points', ha='center', va='center', arrowprops=line,
                           in_layout=False)
        size = np.array(Text.get_window_extent(note).size)
        for far, side in [(far, side) for far in (10, 25, 45, 70, 100) for side in sides]:
            shift = np.multiply(side, far * DPI / 72 + size / 2)             # of the label's middle, in pixels
            box = Bbox(place((x, y)) + shift + [-size / 2, size / 2])
            if not box.count_overlaps(taken) and frame.contains(*box.min) and frame.contains(*box.max):
                break
        note.xyann = shift * 72 / DPI
        taken.append(box)


# ---- nets

def filters_figure(W, conv=True):
    """A map of each filter of W (Wnch, Xnch, Wrow, Wcol); if not conv, of each unit's weights (H, Xnch, Xrow, Xcol)."""
    n, Xnch, rows, cols = W.shape
    maps = W[:SHEET, :, ::-1, ::-1] if conv else W[:SHEET]
    maps = maps if Xnch == 3 else maps[:, :1]
    limit = abs(maps).max() or 1.
    title = ('%d filters' if conv else 'weights of %d units') % n + ' of the first layer, %d x %d' % (rows, cols)
    title += channel_words(Xnch) + (', %d of them shown' % len(maps) if len(maps) < n else '')
    title += (': map k is W[k] turned by 180°, as convolution lays it on the image' if conv else
              ': map k is W[:, k], as it lies on the image')
    if Xnch == 3:
        title += '; as colours, grey is 0 and the brightest %.2g' % limit
    figure = new_figure(1.1 + height_of(len(maps), columns(len(maps)), (rows, cols), 1), title)
    axes = grid(figure, len(maps), columns(len(maps)))
    for k, (ax, w) in enumerate(zip(axes, maps)):
        picture = as_picture(0.5 + w / limit / 2) if Xnch == 3 else w[0]
        image = ax.imshow(picture, cmap='RdBu_r', vmin=-limit, vmax=limit)
        ax.set_title(k, fontsize=8, pad=3)
    if Xnch != 3:
        figure.colorbar(image, ax=axes, aspect=30, pad=0.01)
    return figure


def maps_figure(x, t, layers, p, words=''):
    """The way of one image through the layers: x (Xnch, Xrow, Xcol), its label t; class probabilities p (K,).

    layers: [(afunc, Z)], with Z the feature maps (Wnch, Zrow, Zcol) or units (H,) of a layer. words: on the image.
    """
    heights = [layer_height(Z) for _, Z in layers]
    figure = new_figure(max(sum(heights), 4))
    left, middle, right = figure.subfigures(1, 3, width_ratios=[2, 7, 3])
    (ax,) = grid(left, 1, 1)
    ax.imshow(as_picture(x), cmap='gray', vmin=0, vmax=1)
    ax.set_title(textwrap.fill('input: %slabel %d%s' % (words, t, channel_words(len(x))), 24), fontsize=10)
    parts = middle.subfigures(len(layers), 1, height_ratios=heights, squeeze=False).ravel()
    for number, (part, (afunc, Z)) in enumerate(zip(parts, layers), 1):
        draw_layer(part, 'layer %d (%s): ' % (number, afunc), Z)

    predicted = p.argmax()
    classes = np.sort(np.argsort(-p, kind='stable')[:20])
    ax = right.subplots()
    bars = ax.barh(range(len(classes)), p[classes], color=[
        GREEN if k == t else VERMILION if k == predicted else GREY for k in classes])
    ax.bar_label(bars, ['%.3f' % value for value in p[classes]], padding=3, fontsize=9)
    ax.set_yticks(range(len(classes)), ['%d%s' % (k, ' (true)' if k == t else '') for k in classes], fontsize=9)
    ax.invert_yaxis()
    ax.set(xlim=(0, 1.25), xticks=[0, 0.5, 1])
    ax.set_ylabel('class' if len(classes) == len(p) else '20 likeliest of %d classes' % len(p))
    ax.set_title('probabilities: predicted %d' % predicted, fontsize=10)
    return figure


def layer_height(Z):
    """Inches that draw_layer needs."""
    if Z.ndim == 1:
        return 1.1 + 0.12 * (len(Z) / LINE)
    return 0.5 + height_of(min(len(Z), SHEET), columns(len(Z)), Z.shape[1:], 1, 6.5)


def draw_layer(part, title, Z):
    """Feature maps Z (Wnch, Zrow, Zcol), or units (H,) in lines, on a part of a figure with a colour bar of its own."""
    limit, signed = abs(Z).max() or 1., Z.min() < 0
    shades = {'cmap': 'RdBu_r' if signed else 'viridis', 'vmin': -limit if signed else 0, 'vmax': limit}
    if Z.ndim == 3:
        maps = Z[:SHEET]
        title += '%d feature maps Z of %d x %d' % Z.shape + (', %d shown' % SHEET if len(Z) > SHEET else '')
        axes = grid(part, len(maps), columns(len(Z)))
        for k, (ax, z) in enumerate(zip(axes, maps)):
            image = ax.imshow(z, **shades)
            ax.set_title(k, fontsize=7, pad=2)
    else:
        lines = np.full((-(-len(Z) // LINE), min(len(Z), LINE)), np.nan)     # no units where the last line ends early
        lines.flat[:len(Z)] = Z
        title += '%d units Z' % len(Z)
        axes = grid(part, 1, 1)
        image = axes[0].imshow(lines, aspect='auto', interpolation='nearest', **shades)
        first = range(0, len(lines), -(-len(lines) // 5))
        axes[0].set_yticks(first, [LINE * line for line in first], fontsize=8)
    part.suptitle(title, fontsize=10)
    part.colorbar(image, ax=axes, aspect=20, pad=0.01).ax.tick_params(labelsize=8)


def mistakes_figure(X, t, p, source=''):
    """The images of X (NT, Xnch, Xrow, Xcol) whose likeliest class in p (NT, K) is not t (NT,), surest mistake first."""
    predicted = p.argmax(axis=1)
    wrong = np.flatnonzero(predicted != t)
    shown = wrong[np.argsort(-p[wrong, predicted[wrong]], kind='stable')][:SHEET]
    title = '%d of %d test examples%s misclassified' % (len(wrong), len(t), source)
    title += channel_words(X.shape[1]) + (', the %d surest mistakes shown' % SHEET if len(shown) < len(wrong) else '')
    title += ': true → predicted class, its probability; below, the number of the example' if len(wrong) else ''
    figure = new_figure(1 + height_of(len(shown), 20, X.shape[2:], 3), title)
    for n, ax in zip(shown, grid(figure, len(shown), 20) if len(shown) else []):
        ax.imshow(as_picture(X[n]), cmap='gray', vmin=0, vmax=1)
        ax.set_title('%d → %d\n%.1f %%' % (t[n], predicted[n], 100 * p[n, predicted[n]]), fontsize=8, pad=2)
        ax.set_xlabel(n, fontsize=7, labelpad=2)
    return figure
