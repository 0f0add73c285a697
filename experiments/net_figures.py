"""Figures of what a net has learnt: plain data in, a matplotlib Figure out, for pictures.py.

A figure is a page, measured in inches from its upper left corner. Small pictures are put on it by Sheet: axes for each,
laid out by matplotlib, take seconds for a hundred and leave gaps.
"""
import textwrap

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

WIDTH, DPI = 12.5, 120                  # inches, pixels per inch: 1500 pixels wide
TEXT = 0.165                            # inches between lines of small text
MOST = 100                              # small pictures shown
LINE = 100                              # units of a fully connected layer in a line
RIGHT, WRONG, OTHER = '#009E73', '#D55E00', '#999999'       # Okabe and Ito's green and vermilion, which all tell apart


# ---- pages

def new_page(height, title=''):
    """(page, y): axes in inches that fill a figure, and where its title ends; height: needed from there on."""
    lines = textwrap.wrap(title, 115)
    y = 0.15 + 0.23 * len(lines)
    page = Figure(figsize=(WIDTH, y + height), dpi=DPI).add_axes([0, 0, 1, 1], xlim=(0, WIDTH), ylim=(y + height, 0))
    page.axis('off')
    page.text(WIDTH / 2, 0.1, '\n'.join(lines), fontsize=12, ha='center', va='top', gid='title')
    return page, y


def axes_on(page, x, y, width, height):
    """Axes of this size, with their upper left corner at (x, y) of the page."""
    H = page.get_ylim()[0]
    return page.figure.add_axes([x / WIDTH, 1 - (y + height) / H, width / WIDTH, height / H])


class Sheet:
    """Small pictures of the same shape (rows, columns): n of them, cols side by side, in so many inches of width.

    above, below: lines of text at each. height: inches needed.
    """

    def __init__(self, n, cols, shape, width, above=1, below=0):
        self.cols, self.pitch, self.above = cols, width / cols, above * TEXT + 0.03
        ratio = shape[0] / shape[1]
        self.rows_high = (self.pitch - 0.08) * min(ratio, 2)
        self.cols_wide = self.rows_high / ratio
        self.line = self.rows_high + (above + below) * TEXT + 0.1
        self.height = -(-n // cols) * self.line

    def show(self, page, x, y, pictures, above, below=(), **shades):
        """Puts the pictures on a page, from (x, y) on, with text above and below each; returns the last image."""
        for k, picture in enumerate(pictures):
            middle, top = x + (k % self.cols + 0.5) * self.pitch, y + k // self.cols * self.line + self.above
            left, bottom = middle - self.cols_wide / 2, top + self.rows_high
            image = page.imshow(picture, extent=(left, left + self.cols_wide, bottom, top), aspect='auto', **shades)
            page.add_patch(Rectangle((left, top), self.cols_wide, self.rows_high, fill=False, linewidth=0.8))
            page.text(middle, top - 0.03, above[k], fontsize=8, ha='center', va='bottom')
            if below:
                page.text(middle, bottom + 0.03, below[k], fontsize=8, ha='center', va='top')
        return image


def columns(n):
    """How many of n maps stand side by side."""
    return 8 if n <= 32 else 16


def colour_bar(page, image, x, y, height):
    """The colours of an image, with the values at both ends and in the middle."""
    bar = page.figure.colorbar(image, cax=axes_on(page, x, y, 0.15, height))
    values = np.linspace(image.norm.vmin, image.norm.vmax, 3)
    bar.set_ticks(values, labels=['%.2g' % value for value in values], fontsize=9)


def as_picture(x):
    """What imshow takes of an image (Xnch, Xrow, Xcol) of pixels from 0 to 1: its colours, or its first channel."""
    return np.moveaxis(x, 0, 2).clip(0, 1) if len(x) == 3 else x[0]


def channel_words(Xnch):
    return '' if Xnch in (1, 3) else ' (first of %d channels)' % Xnch


# ---- figures

def filters_figure(W, conv=True):
    """A map of each filter of W (Wnch, Xnch, Wrow, Wcol); if not conv, of each unit's weights (H, Xnch, Xrow, Xcol)."""
    n, Xnch, rows, cols = W.shape
    maps = W[:MOST, :, ::-1, ::-1] if conv else W[:MOST]
    maps = maps if Xnch == 3 else maps[:, :1]
    limit = abs(maps).max() or 1.
    title = ('%d filters' if conv else 'weights of %d units') % n + ' of the first layer, %d x %d' % (rows, cols)
    title += channel_words(Xnch) + (', %d of them shown' % len(maps) if len(maps) < n else '')
    title += (': map k is W[k] turned by 180°, as convolution lays it on the image' if conv else
              ': map k is W[:, k], as it lies on the image')
    if Xnch == 3:
        title += '; as colours, grey is 0 and the brightest %.2g' % limit
    sheet = Sheet(len(maps), columns(len(maps)), (rows, cols), WIDTH - (0.2 if Xnch == 3 else 1))
    page, y = new_page(sheet.height, title)
    pictures = [as_picture(0.5 + w / limit / 2) if Xnch == 3 else w[0] for w in maps]
    image = sheet.show(page, 0.1, y, pictures, range(len(maps)), cmap='RdBu_r', vmin=-limit, vmax=limit)
    if Xnch != 3:
        colour_bar(page, image, WIDTH - 0.8, y + sheet.above, max(sheet.height - sheet.above - 0.1, 0.5))
    return page.figure


def maps_figure(x, t, layers, p, words=''):
    """The way of one image through the layers: x (Xnch, Xrow, Xcol), its label t; class probabilities p (K,).

    layers: [(afunc, Z)], with Z the feature maps (Wnch, Zrow, Zcol) or units (H,) of a layer. words: on the image.
    """
    title = textwrap.wrap('input: %slabel %d%s' % (words, t, channel_words(len(x))), 30)
    sheet = Sheet(1, 1, x.shape[1:], 2.2, above=len(title))
    predicted, likeliest = p.argmax(), np.argsort(-p, kind='stable')[:20]
    classes = np.unique(np.append(likeliest, t))
    needed = sum(layer_sheet(Z).height + 0.3 for _, Z in layers)
    page, y = new_page(max(needed, sheet.height, 1 + 0.2 * len(classes)))
    sheet.show(page, 0.1, y, [as_picture(x)], ['\n'.join(title)], cmap='gray', vmin=0, vmax=1)

    ax = axes_on(page, 10.6, y + 0.25, 1.75, page.get_ylim()[0] - y - 0.6)
    bars = ax.barh(range(len(classes)), p[classes], color=[
        RIGHT if k == t else WRONG if k == predicted else OTHER for k in classes])
    ax.bar_label(bars, ['%.3f' % value for value in p[classes]], padding=3, fontsize=9)
    ax.set_yticks(range(len(classes)), ['%d%s' % (k, ' (true)' if k == t else '') for k in classes], fontsize=9)
    ax.invert_yaxis()
    ax.set(xlim=(0, 1.4), xticks=[0, 0.5, 1])
    ax.set_ylabel('class' if len(classes) == len(p) else '20 likeliest of %d classes%s' % (
        len(p), ', and the true one' if len(classes) > 20 else ''))
    ax.set_title('probabilities: predicted %d' % predicted, fontsize=9)

    for number, (afunc, Z) in enumerate(layers, 1):
        draw_layer(page, y, 'layer %d (%s): ' % (number, afunc), Z)
        y += layer_sheet(Z).height + 0.3
    return page.figure


def layer_sheet(Z):
    """The sheet of a layer's feature maps, or of its units as one picture, 0.5 inches high or more."""
    if Z.ndim == 3:
        return Sheet(min(len(Z), MOST), columns(len(Z)), Z.shape[1:], 6.1)
    return Sheet(1, 1, (max(8, 3 * -(-len(Z) // LINE)), 100), 6.1, above=0)


def draw_layer(page, y, title, Z):
    """Feature maps Z (Wnch, Zrow, Zcol), or units (H,) in lines, with a colour bar of their own."""
    limit, signed = abs(Z).max() or 1., Z.min() < 0
    shades = {'cmap': 'RdBu_r' if signed else 'viridis', 'vmin': -limit if signed else 0, 'vmax': limit}
    sheet, x = layer_sheet(Z), 2.8
    if Z.ndim == 3:
        title += '%d feature maps Z of %d x %d' % Z.shape + (', %d shown' % MOST if len(Z) > MOST else '')
        image = sheet.show(page, x, y + 0.2, Z[:MOST], range(MOST), **shades)
    else:
        title += '%d units Z' % len(Z)
        lines = np.full((-(-len(Z) // LINE), min(len(Z), LINE)), np.nan)     # no units where the last line ends early
        lines.flat[:len(Z)] = Z
        image = sheet.show(page, x, y + 0.2, [lines], [''], interpolation='nearest', **shades)
        for line in range(0, len(lines), -(-len(lines) // 3)):
            middle = y + 0.2 + sheet.above + sheet.rows_high * (line + 0.5) / len(lines)
            page.text(x, middle, LINE * line, fontsize=8, ha='right', va='center')
    page.text(x + 0.05, y, title, fontsize=10, va='top')
    colour_bar(page, image, x + 6.2, y + 0.2 + sheet.above, max(sheet.height - sheet.above - 0.1, 0.4))


def mistakes_figure(X, t, p, source=''):
    """The images of X (NT, Xnch, Xrow, Xcol) whose likeliest class in p (NT, K) is not t (NT,), surest ones first."""
    predicted = p.argmax(axis=1)
    wrong = np.flatnonzero(predicted != t)
    shown = wrong[np.argsort(-p[wrong, predicted[wrong]], kind='stable')][:MOST]
    title = '%d of %d test examples%s misclassified' % (len(wrong), len(t), source)
    if len(wrong):
        title += channel_words(X.shape[1]) + (', the %d surest shown' % MOST if len(shown) < len(wrong) else '')
        title += ': true → predicted class, probability, number'
    sheet = Sheet(len(shown), 20, X.shape[2:], WIDTH - 0.2, above=2, below=1)
    page, y = new_page(sheet.height, title)
    if len(shown):
        arrow = ' → ' if p.shape[1] <= 100 else '→'
        above = ['%d%s%d\n%.1f %%' % (t[n], arrow, predicted[n], 100 * p[n, predicted[n]]) for n in shown]
        sheet.show(page, 0.1, y, [as_picture(X[n]) for n in shown], above, list(shown), cmap='gray', vmin=0, vmax=1)
    return page.figure
