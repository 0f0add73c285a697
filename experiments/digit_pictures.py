"""Digits found in a picture, and made like MNIST's: ink is told from what light, paper, lines and dirt make of it."""
import numpy as np
from scipy import ndimage

SIDE = 1000                         # pixels of a picture's longer side that are looked at, at most
LEAST_CONTRAST = 0.04               # of ink to paper, as a share of the paper's grey
LEAST_SIZE = 0.02                   # of a digit, as a share of the picture's longer side
WIDEST = 0.38                       # half a stroke's width, as a share of the digit's longer side
EIGHT = np.ones((3, 3))             # pixels that touch at a corner are connected, too


class NoDigit(ValueError):
    """A picture in which no digit is to be seen: why not."""


def find_digits(picture):
    """The ink of each digit in a picture, from left to right: arrays of values from 0 to 1. Raises NoDigit.

    picture: (rows, cols) or (rows, cols, 3), on any scale, dark on light or light on dark.
    """
    picture = smaller(np.asarray(picture), -(-max(picture.shape) // SIDE))
    grey = grey_of(picture / (np.abs(picture).max() or 1))
    if grey.max() == grey.min():
        raise NoDigit('one grey level only')
    grey = ndimage.gaussian_filter(grey - min(0, grey.min()), min(1, max(grey.shape) / 300), mode='nearest')
    grey = only_sheet(grey)
    if ink_is_light(grey):
        grey = grey.max() + grey.min() - grey
    ink = darkness(grey, max(grey.shape) // 3 + 1)
    return [cut_out(ink, mask) for mask in masks_of_digits(ink)]


# ---- light and paper

def smaller(picture, n):
    """The picture averaged over blocks of n x n pixels."""
    rows, cols = (max(1, size // n) for size in picture.shape[:2])
    blocks = picture[:rows * n, :cols * n]
    blocks = blocks.reshape(rows, blocks.shape[0] // rows, cols, blocks.shape[1] // cols, *picture.shape[2:])
    return blocks.mean((1, 3), dtype='float32')


def surroundings(picture):
    """A small picture's local background: medians over windows of half the picture."""
    window = [size // 2 + 1 for size in picture.shape[:2]]
    return ndimage.median_filter(picture, window + [1] * (picture.ndim - 2), mode='nearest')


def grey_of(picture):
    """Grey values in which the colours differ most from their surroundings: a pen's, not the eye's."""
    if picture.ndim == 2:
        return picture
    thumb = smaller(picture, max(1, max(picture.shape) // 50))
    differences = (thumb - surroundings(thumb)).reshape(-1, 3)
    _, vectors = np.linalg.eigh(differences.T @ differences)
    weights = vectors[:, -1] * (1 if vectors[:, -1].sum() > 0 else -1)
    return picture @ (weights / np.abs(weights).sum()).astype(picture.dtype)


def only_sheet(grey):
    """The picture with what lies around a sheet on a dark table made as light as the sheet, if there is one.

    A sheet is the largest light part, nearly a rectangle, twice as light as what is around its edge or more. Something
    dark is on it, or else it is large and the table very dark: light beside a shadow is no sheet, nor a bar of chalk.
    """
    n = -(-max(grey.shape) // 200)
    thumb = smaller(grey, n)
    labels, count = ndimage.label(thumb > otsu(thumb))
    sheet = ndimage.binary_fill_holes(labels == 1 + np.argmax(np.bincount(labels.ravel(), minlength=2)[1:]))
    inside = ndimage.binary_erosion(sheet, iterations=3)
    rim = ndimage.binary_dilation(sheet, iterations=3) & ~ndimage.binary_dilation(sheet)
    edge = inside & ~ndimage.binary_erosion(inside, iterations=2)
    if not (0.1 < sheet.mean() < 0.95 and rim.any() and edge.any()):
        return grey
    paper = np.median(thumb[edge])
    around, ink = np.quantile(thumb[rim], 0.7), np.mean(thumb[inside] < 0.8 * paper)
    if around > 0.5 * paper or not (0.001 < ink < 0.4 or ink < 0.4 and around < 0.35 * paper and sheet.mean() > 0.2) \
            or sheet.sum() < 0.85 * smallest_rectangle(sheet):
        return grey
    inside = np.kron(inside, np.ones((n, n), bool))
    inside = np.pad(inside, [(0, size - n) for size, n in zip(grey.shape, inside.shape)])
    return np.where(inside, grey, paper)


def smallest_rectangle(mask):
    """The area of the smallest rectangle, at any angle, around the pixels of a mask."""
    areas, points = [], np.argwhere(mask)
    for angle in np.linspace(0, np.pi / 2, 30, endpoint=False):
        c, s = np.cos(angle), np.sin(angle)
        areas.append(np.prod(np.ptp(points @ [[c, -s], [s, c]], axis=0) + 1))
    return min(areas)


def ink_is_light(grey):
    """Whether what differs from its surroundings is lighter."""
    n = max(1, max(grey.shape) // 50)
    background = surroundings(smaller(grey, n))
    rows, cols = (np.minimum(np.arange(size) // n, most - 1) for size, most in zip(grey.shape, background.shape))
    return ((grey - background[np.ix_(rows, cols)])**3).sum() > 0


def darkness(grey, size):
    """How much darker than its surroundings, as a share of their grey, is what is narrower than size."""
    paper = ndimage.grey_closing(grey, (size, size))
    return 1 - (grey + paper.max() / 100) / (paper + paper.max() / 100)


def otsu(values):
    """The threshold that parts values into two classes of the least variance within (Otsu 1979)."""
    counts, edges = np.histogram(values, 256)
    middles, n = (edges[1:] + edges[:-1]) / 2, np.cumsum(counts)[:-1]
    sums = np.cumsum(counts * middles)
    between = (sums[-1] * n / counts.sum() - sums[:-1])**2 / np.maximum(n * (counts.sum() - n), 1)
    return edges[1 + np.argmax(between)]


# ---- ink

def masks_of_digits(ink):
    """Where the ink of each digit is, from left to right. Raises NoDigit.

    The digit is the connected part with most of the sharp edges that does not run out of the picture: a part that does,
    such as lines with the digit on them, is parted by a higher threshold.
    """
    steep = ndimage.gaussian_gradient_magnitude(ink, 1 + max(ink.shape) / 1000)
    level = np.full(ink.shape, otsu(ink))
    for _ in range(6):
        labels, n = ndimage.label(ink > level, EIGHT)
        boxes = ndimage.find_objects(labels)
        weights = ndimage.sum(steep, labels, np.arange(1, n + 1))
        inner = np.ones(n + 1, bool)
        for line in labels[0], labels[-1], labels[:, 0], labels[:, -1]:
            inner[line] = False
        inner = inner[1:]
        k = int(np.argmax(weights * inner if inner.any() else weights))
        if inner[k] and weights[k] == weights.max():
            break
        for outer in np.flatnonzero((weights >= weights[k]) & ~inner):
            box = boxes[outer]
            part = labels[box] == outer + 1
            level[box][part] = otsu(ink[box][part])
    check_digit(ink, steep, labels == k + 1, boxes[k], np.sum(weights[inner] > 0.3 * weights[k]))
    return grouped(ink, labels, boxes, inner, k)


def check_digit(ink, steep, part, box, count):
    """Raises NoDigit for a part that is not seen to be a digit.

    Its ink has to differ from the paper near it by more than noise does, with edges steeper than the paper's, nearly
    all around; it is one of a count of few such parts, no speck, no line, and made of strokes. Of the paper, the
    smoothest fifth is looked at, which is between the lines if it has any.
    """
    rows, cols = (s.stop - s.start for s in box)
    size, top = max(rows, cols), np.quantile(ink[part], 0.9)
    if top < LEAST_CONTRAST:
        raise NoDigit('the contrast is %.1f %%: must be %d at least' % (100 * top, 100 * LEAST_CONTRAST))
    near = tuple(slice(max(0, s.start - size), s.stop + size) for s in box)
    paper = ~ndimage.binary_dilation(part[near], iterations=4)
    rough = np.abs(ink - ndimage.uniform_filter(ink, 5))[near], steep[near]
    noise, slope = (np.quantile(values[paper] if paper.any() else values, 0.2) for values in rough)
    edge = steep[part & ~ndimage.binary_erosion(part)]
    if top < 60 * noise or np.quantile(edge, 0.25) < 0.027 * top or np.median(edge) < 4.5 * slope or count > 10:
        raise NoDigit('nothing stands out')
    if size < max(6, LEAST_SIZE * max(ink.shape)) or cols > 6 * rows:
        raise NoDigit('nothing but specks or lines')
    if ndimage.distance_transform_edt(np.pad(part[box], 1)).max() > WIDEST * size:
        raise NoDigit('a patch, not a stroke')


def grouped(ink, labels, boxes, inner, k):
    """Masks of the digits, from left to right: part k, others as tall beside it, each with small parts nearby."""
    size, digits = max(s.stop - s.start for s in boxes[k]), []
    faint = 0.5 * np.median(ink[labels == k + 1])
    tallest_first = sorted(np.flatnonzero(inner), key=lambda n: boxes[n][0].start - boxes[n][0].stop)
    for n in [k] + tallest_first:
        rows, cols = boxes[n]
        height, width = rows.stop - rows.start, cols.stop - cols.start
        if max(height, width) < 0.1 * size or n == k and digits:
            continue
        part = labels[rows, cols] == n + 1
        if np.median(ink[rows, cols][part]) < faint:
            continue
        far = [distance[rows, cols][part].min() for _, _, distance in digits]
        if all(max(cols.start - box.stop, box.start - cols.stop) > 0.05 * size or d > 0.5 * size
               for d, (_, box, _) in zip(far, digits)):
            if height > 0.6 * size or not digits:
                mask = labels == n + 1
                digits.append((mask, cols, ndimage.distance_transform_edt(~mask)))
        elif min(far) < 0.2 * size:
            digits[int(np.argmin(far))][0][rows, cols] |= part
    return [mask for mask, _, _ in sorted(digits, key=lambda digit: digit[1].start)]


def cut_out(ink, mask):
    """The ink within a mask and at its edges, as a share of the darkest, without the rest of the picture."""
    rows, cols = (slice(max(0, s.start - 3), s.stop + 3) for s in ndimage.find_objects(mask.astype(int))[0])
    near = ndimage.binary_dilation(mask[rows, cols], EIGHT, iterations=2)
    return np.clip(ink[rows, cols] / np.quantile(ink[mask], 0.9), 0, 1) * near


def like_mnist(ink, Xrow, Xcol):
    """Ink (rows, cols) as MNIST was made of the NIST digits: (Xrow, Xcol), from 0 to 1, light on dark.

    Cropped, scaled to a box of 20/28 of the image with its proportions kept, its centre of mass is put into the middle
    (LeCun, Bottou, Bengio and Haffner 1998, section III A): there, the pixel Xrow / 2, counted from 0, as in MNIST.
    """
    rows, cols = (np.flatnonzero(ink.max(axis=axis) > 0.4) for axis in (1, 0))
    ink = ink[rows[0]:rows[-1] + 1, cols[0]:cols[-1] + 1]
    scale = min(Xrow * 20 / 28 / ink.shape[0], Xcol * 20 / 28 / ink.shape[1])
    size = [max(1, int(round(scale * n))) for n in ink.shape]
    small = averages(size[0], ink.shape[0]).dot(ink).dot(averages(size[1], ink.shape[1]).T)
    image = np.zeros((Xrow, Xcol))
    corner = [int(np.clip(round(X / 2 - middle), 0, X - n))
              for X, n, middle in zip(image.shape, size, ndimage.center_of_mass(small))]
    image[corner[0]:corner[0] + size[0], corner[1]:corner[1] + size[1]] = small / small.max()
    return image


def averages(new, old):
    """The matrix (new, old) that averages a line of old pixels over new ones, which share it out evenly."""
    edges = np.arange(new + 1)[:, np.newaxis] * old / new
    covered = np.clip(edges - np.arange(old), 0, 1)              # share of each old pixel left of each edge
    return np.diff(covered, axis=0) * new / old
