"""Figures of what a net has learnt: plain data in, a matplotlib Figure out, for pictures.py.

A figure is a page, measured in inches from its upper left corner, that grows downwards. Small pictures lie on the
page's own axes: axes for each, laid out by matplotlib, take seconds for a hundred and leave gaps.
"""
import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from drawing import DEFAULT_WIDTH, DPI, FINE, GREEN, GREY, INCH, SMALL, TEXT, VERMILION, letters

MOST = 100                              # small pictures shown
LINE = 0.15                             # inches from line to line of small text
UNITS = 100                             # units of a fully connected layer in a line


class Page:
    """A figure of a width in cm, whose height is that of what is put on it: `y` is where the next thing goes."""

    def __init__(self, width, title=''):
        self.width, self.y, self.placed = width / INCH, 0.08, []
        self.figure = Figure(dpi=DPI)
        self.own = self.figure.add_axes([0, 0, 1, 1])
        self.own.axis('off')
        self.text(title, gid='title')

    def text(self, words, **style):
        """A paragraph over the whole width."""
        if words:
            lines = textwrap.wrap(words, letters(self.width - 0.3))
            self.own.text(0.1, self.y, '\n'.join(lines), fontsize=TEXT, va='top', **style)
            self.y += 0.165 * len(lines) + 0.07

    def axes(self, x, y, width, height):
        """Axes whose upper left corner is at (x, y)."""
        self.placed.append((self.figure.add_axes([0, 0, 1, 1], label=str(len(self.placed))), x, y, width, height))
        return self.placed[-1][0]

    def sheet(self, pictures, above, below=(), least=0.3, most=1.2, x=0.1, width=None, **shades):
        """Pictures of the same shape side by side, with text above and below each; returns the last image.

        least, most: inches that one may take, with the gap beside it.
        """
        width = width or self.width - x - 0.1
        rows = -(-len(pictures) // max(1, int(width / least)))
        cols = -(-len(pictures) // rows)
        pitch = min(most, width / cols)
        ratio = pictures[0].shape[0] / pictures[0].shape[1]
        high = (pitch - 0.06) * min(ratio, 2)
        wide = high / ratio
        lines = [max([0, *(str(words).count('\n') + 1 for words in texts)]) for texts in (above, below)]
        for k, picture in enumerate(pictures):
            left = x + k % cols * pitch
            top = self.y + k // cols * (high + LINE * sum(lines) + 0.08) + LINE * lines[0]
            image = self.own.imshow(picture, extent=(left, left + wide, top + high, top), aspect='auto', **shades)
            self.own.add_patch(Rectangle((left, top), wide, high, fill=False, linewidth=0.6))
            for texts, y, va in ((above, top - 0.02, 'bottom'), (below, top + high + 0.02, 'top')):
                if len(texts):
                    self.own.text(left + wide / 2, y, texts[k], fontsize=SMALL, ha='center', va=va)
        self.y += rows * (high + LINE * sum(lines) + 0.08)
        return image

    def colour_bar(self, image, top):
        """The colours of an image, at the right, with the values at both ends and in the middle."""
        height = min(2, max(0.5, self.y - top - LINE - 0.1))
        bar = self.figure.colorbar(image, cax=self.axes(self.width - 0.65, top + LINE, 0.12, height))
        values = np.linspace(image.norm.vmin, image.norm.vmax, 3)
        bar.set_ticks(values, labels=['%.2g' % value for value in values], fontsize=SMALL)
        self.y = max(self.y, top + LINE + 0.6)

    def finished(self):
        self.y += 0.05
        self.figure.set_size_inches(self.width, self.y)
        self.own.set(xlim=(0, self.width), ylim=(self.y, 0))
        for axes, x, y, width, height in self.placed:
            axes.set_position([x / self.width, 1 - (y + height) / self.y, width / self.width, height / self.y])
        return self.figure


def as_picture(x):
    """What imshow takes of an image (Xnch, Xrow, Xcol) of pixels from 0 to 1: its colours, or its first channel."""
    return np.moveaxis(x, 0, 2).clip(0, 1) if len(x) == 3 else x[0]


def of_channels(Xnch):
    return '' if Xnch in (1, 3) else ' (first of %d channels)' % Xnch


def scale_of(values):
    """Colours for values: diverging around 0 where some are below it."""
    limit, signed = abs(values).max() or 1., values.min() < 0
    return {'cmap': 'RdBu_r' if signed else 'viridis', 'vmin': -limit if signed else 0, 'vmax': limit}


def filters_figure(W, conv=True, width=DEFAULT_WIDTH):
    """A picture of each filter of the first layer, W (Wnch, Xnch, Wrow, Wcol); if not conv, of each unit's weights."""
    n, Xnch, rows, cols = W.shape
    maps = W[:MOST, :, ::-1, ::-1] if conv else W[:MOST]
    maps = maps if Xnch == 3 else maps[:, :1]
    limit = abs(maps).max() or 1.
    title = ('%d filters' if conv else 'weights of %d units') % n + ' of the first layer, %d x %d' % (rows, cols)
    title += of_channels(Xnch) + (', %d of them shown' % len(maps) if len(maps) < n else '')
    title += (': map k is W[k] turned by 180°, as convolution lays it on the image' if conv else
              ': map k is W[:, k], as it lies on the image')
    if Xnch == 3:
        title += '; as colours, grey is 0 and the brightest %.2g' % limit
    page = Page(width, title)
    top, pictures = page.y, [as_picture(0.5 + w / limit / 2) if Xnch == 3 else w[0] for w in maps]
    image = page.sheet(pictures, range(len(maps)), least=0.4, width=page.width - (0.2 if Xnch == 3 else 0.9),
                       cmap='RdBu_r', vmin=-limit, vmax=limit)
    if Xnch != 3:
        page.colour_bar(image, top)
    return page.finished()


def deep_filters_figure(W, layer, conv=True, width=DEFAULT_WIDTH):
    """Filters of a layer that takes feature maps, W (Wnch, Xnch, Wrow, Wcol): a line for each, a column a map."""
    n, Xnch, rows, cols = W.shape
    page = Page(width)
    shown = W[:20, :min(Xnch, int((page.width - 1.2) / 0.3)), ::-1 if conv else 1, ::-1 if conv else 1]
    title = '%d filters' if conv else 'weights of %d units'
    title += ' of layer %d, %d x %d: line k, column c is '
    title += 'W[k, c] turned by 180°' if conv else 'from feature map c to unit k'
    title %= n, layer, rows, cols
    page.text(title + ('' if shown.shape[:2] == (n, Xnch) else '; the first %d lines and %d of %d columns' % (
        *shown.shape[:2], Xnch)), gid='title')
    sheet = np.pad(shown.astype(float), ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    sheet = sheet.transpose(0, 2, 1, 3).reshape(len(shown) * (rows + 1), -1)[:-1, :-1]
    wide = min(page.width - 1.2, 0.45 * shown.shape[1])
    high = max(wide * sheet.shape[0] / sheet.shape[1], 0.1 * len(shown))
    axes, top = page.axes(0.4, page.y + 0.05, wide, high), page.y
    image = axes.imshow(sheet, aspect='auto', interpolation='nearest', **scale_of(shown))
    for axis, count, size in ((axes.xaxis, shown.shape[1], cols + 1), (axes.yaxis, len(shown), rows + 1)):
        step = next(step for step in (1, 5, 10, 50) if step * min(high / len(shown), wide / shown.shape[1]) > 0.18)
        axis.set_ticks([size * (k + 0.5) - 1 for k in range(0, count, step)], labels=range(0, count, step))
        axis.set_tick_params(length=0)
    page.y += high + 0.3
    page.colour_bar(image, top)
    return page.finished()


def maps_figure(x, t, layers, p, words='', width=DEFAULT_WIDTH):
    """The way of one image through the layers: x (Xnch, Xrow, Xcol), its label t; class probabilities p (K,).

    layers: [(afunc, Z)], with Z the feature maps (Wnch, Zrow, Zcol) or units (H,) of a layer. words: on the image.
    """
    predicted, likeliest = p.argmax(), np.argsort(-p, kind='stable')[:20]
    classes = np.unique(np.append(likeliest, t))
    page = Page(width, 'input: %slabel %d%s; predicted: %d%s' % (
        words, t, of_channels(len(x)), predicted, '' if len(classes) == len(p) else
        '; of %d classes, the 20 likeliest%s' % (len(p), ' and the true one' if len(classes) > 20 else '')))
    top, side = page.y, min(1.8, 0.4 * page.width)
    page.sheet([as_picture(x)], [], least=side, most=side, width=side, cmap='gray', vmin=0, vmax=1)
    height = max(1.4, 0.15 * len(classes))
    ax = page.axes(side + 0.8, top, min(3, page.width - side - 1.4), height)
    bars = ax.barh(range(len(classes)), p[classes], color=[
        GREEN if k == t else VERMILION if k == predicted else GREY for k in classes])
    ax.bar_label(bars, ['%.3f' % value for value in p[classes]], padding=2, fontsize=SMALL)
    ax.set_yticks(range(len(classes)), ['%d%s' % (k, ' (true)' if k == t else '') for k in classes])
    ax.invert_yaxis()
    ax.set(xlim=(0, 1.3), xticks=[0, 0.5, 1])
    ax.set_xlabel('probability')
    page.y = max(page.y, top + height + 0.4)
    for number, (afunc, Z) in enumerate(layers, 1):
        draw_layer(page, 'layer %d (%s): ' % (number, afunc), Z)
    return page.finished()


def draw_layer(page, title, Z):
    """Feature maps Z (Wnch, Zrow, Zcol), or units (H,) in lines, with a colour bar of their own."""
    width = page.width - 0.9
    if Z.ndim == 3:
        page.text(title + '%d feature maps Z of %d x %d' % Z.shape + (', %d shown' % MOST if len(Z) > MOST else ''))
        top = page.y
        image = page.sheet(list(Z[:MOST]), range(min(len(Z), MOST)), least=0.4, most=0.7, width=width, **scale_of(Z))
    else:
        page.text(title + '%d units Z, %d in a line' % (len(Z), min(len(Z), UNITS)))
        top, rows = page.y, -(-len(Z) // UNITS)
        lines = np.full((rows, min(len(Z), UNITS)), np.nan)                # the last line may end early
        lines.flat[:len(Z)] = Z
        height = max(0.12 * rows, 0.25)
        axes = page.axes(0.1, top + 0.05, width, height)
        axes.axis('off')
        image = axes.imshow(lines, aspect='auto', interpolation='nearest', **scale_of(Z))
        page.y += height + 0.1
    page.colour_bar(image, top - LINE)
    page.y += 0.08


def mistakes_figure(X, t, p, source='', width=DEFAULT_WIDTH):
    """The images of X (NT, Xnch, Xrow, Xcol) whose likeliest class in p (NT, K) is not t (NT,), surest ones first."""
    predicted = p.argmax(axis=1)
    wrong = np.flatnonzero(predicted != t)
    most = min(MOST, 10 * int((width / INCH - 0.2) / 0.55))                    # ten lines
    shown = wrong[np.argsort(-p[wrong, predicted[wrong]], kind='stable')][:most]
    title = '%d of %d test examples%s misclassified' % (len(wrong), len(t), source)
    if len(wrong):
        title += of_channels(X.shape[1]) + (', the %d surest shown' % most if len(shown) < len(wrong) else '')
        title += ': true → predicted class, probability, number'
    page = Page(width, title)
    if len(shown):
        above = ['%d→%d\n%.1f %%' % (t[n], predicted[n], 100 * p[n, predicted[n]]) for n in shown]
        page.sheet([as_picture(X[n]) for n in shown], above, list(shown), least=0.55, cmap='gray', vmin=0, vmax=1)
    return page.finished()


def confusion_figure(counts, of='', width=DEFAULT_WIDTH):
    """Confusion matrix (K, K), true classes in lines, predicted ones in columns, and the errors of each class.

    counts: numbers of examples, summed over nets where there are several. of: words on them.
    """
    K, right = len(counts), np.trace(counts)
    errors, wrong = counts.sum(axis=1) - counts.diagonal(), counts * (1 - np.eye(K, dtype=int))
    page = Page(width, '%d errors in %d examples%s, %.3g %%: a line for each true class, a column for each predicted '
                'one' % (counts.sum() - right, counts.sum(), of, 100 * (1 - right / max(1, counts.sum()))))
    side, top = min(0.72 * page.width - 0.5, 0.45 * K + 0.5), page.y
    ax = page.axes(0.45, top, side, side)
    ax.imshow(wrong, cmap='Reds', vmin=0, vmax=2 * max(1, wrong.max()))
    bars = page.axes(0.55 + side, top, page.width - side - 1.1, side)
    bars.barh(range(K), 100 * errors / np.maximum(1, counts.sum(axis=1)), color=VERMILION)
    bars.set(ylim=(K - 0.5, -0.5), yticks=[], xlabel='error / %')
    ticks = range(0, K, 1 if K * 0.17 < side else 5)
    ax.set_xticks(ticks, labels=ticks)
    ax.set_yticks(ticks, labels=ticks)
    ax.set(xlabel='predicted', ylabel='true')
    for (row, col), count in np.ndenumerate(counts):      # where there is room for numbers: cells of so many inches
        if count and side / K > (0.28 if row == col else 0.18):
            ax.text(col, row, count, fontsize=SMALL if side / K > 0.28 else FINE, ha='center', va='center',
                    color='black' if row != col else '#666666')
    if side / K > 0.16:
        labels = ['%.2g' % bar.get_width() for bar in bars.patches]
        bars.bar_label(bars.containers[0], labels, padding=2, fontsize=SMALL if side / K > 0.28 else FINE)
        bars.set_xlim(right=1.5 * bars.get_xlim()[1])
    page.y += side + 0.5
    return page.finished()
