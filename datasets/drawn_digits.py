"""Digits drawn by strokes, in the shape of MNIST, for machines where MNIST is not at hand.

A digit is a few smooth strokes through points that tremble. The strokes are warped, slanted, turned
and sized, then drawn with a soft pen of random width. Many digits are drawn at once, as arrays.
"""
import numpy as np
from scipy.interpolate import CubicSpline

Xrow = Xcol = 28
POINTS = 72     # points along the strokes of a digit: under a pixel apart, well below the pen's radius
CHUNK = 100     # digits at a time, so that arrays stay in the cache; the digits do not depend on it

# The ways to write each digit, as 'x,y' points in a box 10 wide and 14 high, y downwards.
# A stroke runs smoothly through its points, '|' lifts the pen. A point that is named twice moves as
# one: strokes that share it make a corner, and a stroke that ends where it began is a smooth loop.
WAYS = [
    ['5,0 1.5,2.5 0.5,7 1.5,11.5 5,14 8.5,11.5 9.5,7 8.5,2.5 5,0',
     '5,0.5 2,2.5 0.5,7 2.5,12.5 5.5,14 9,11 9.5,5 7.5,1 4,0'],           # 0: closed, overlapping
    ['5,0 5,14', '3,2.5 5,0 | 5,0 5,14',
     '3,2.5 5,0 | 5,0 5,14 | 2.5,14 7.5,14'],                             # 1: plain, serif, serif and foot
    ['1,3.5 4,0 8,1.5 7.5,6 4,10.5 0.5,14 | 0.5,14 9.5,14',
     '1,3 5,0 8.5,3 6.5,8 2.5,13.5 0.5,12 2.5,10 6.5,13 10,13'],          # 2: corner, loop
    ['0.5,2 4.5,0 8.5,3 4,6.5 | 4,6.5 9.5,10 5,14 0.5,12',
     '1,0 8.5,0 | 8.5,0 4.5,5.5 | 4.5,5.5 9.5,8.5 6.5,13.5 1,13'],        # 3: round, flat top
    ['3,0 0.5,8.5 | 0.5,8.5 10,8.5 | 7.5,4 7,14', '7,0 0,9.5 | 0,9.5 10,9.5 | 7,0 7,14',
     '1,0.5 1,5.5 4,7.5 8.5,6 | 9,0 8.5,6 7.5,14'],                       # 4: open, closed, round
    ['9,0 2,0 | 2,0 1.5,6 | 1.5,6 5.5,5 9,9 6,13.5 0.5,13',
     '9.5,0 4,0.5 2,3 3.5,6 8,8.5 7,13 0.5,13'],                          # 5: corners, one sweep
    ['7,0 3,4 1,9.5 4,14 9,11 6.5,7.5 1.5,9.5',
     '4.5,0 1,6 1.5,12 5.5,14 9,10.5 6,7.5 1.5,9.5'],                       # 6: leaning, upright
    ['0,0 10,0 | 10,0 4,14', '0,0 10,0 | 10,0 4,14 | 3.5,7.5 9.5,7.5',
     '0.5,2.5 0.5,0 | 0.5,0 10,0 | 10,0 6,6 4.5,14'],                     # 7: plain, bar, serif
    ['8,2.5 5,0 2,2.5 4,6 8,8.5 9,11.5 5,14 1,11.5 2,8.5 6,6 8,2.5',
     '5,0 2,3 5,6 8,3 5,0 | 5,6 1,10 5,14 9,10 5,6'],                     # 8: one sweep, two loops
    ['9,3 6.5,0 2,1 1,4.5 4.5,6.5 9,3 | 9,0.5 8.5,7 7,14',
     '9,3 6.5,0 2,1 1,4.5 4.5,6.5 9,3 | 9,0.5 9,9 6.5,13.5 2,13'],          # 9: straight, curved tail
]

# How much digits vary. Chosen so that people read them easily, yet softmax alone misreads some 8 %.
TREMBLE = 0.7       # of each point, to either side, in the units of the box
ELASTIC = 0.9       # rms displacement, roughly, in the same units
GRAIN = 0.2         # of the ink in each pixel, to either side, as a share
MIDDLE, SPREAD = np.transpose([     # drawn from MIDDLE - SPREAD to MIDDLE + SPREAD
    (0, 0.25),      # turn, clockwise, in radians
    (0.2, 0.4),     # slant, to the right
    (1.15, 0.25),   # width, where the box has 1
    (16.5, 2),      # longer side, in pixels, without the pen's width
    (2.7, 0.65),    # r, the pen's radius in pixels; it is soft, so that a line is about r wide
    ((Xcol - 1) / 2, 1.2), ((Xrow - 1) / 2, 1.2)])      # centre of mass, x and y


def stroke_matrix(way):
    """The points (k, 2) of one way, and the matrix (POINTS, k) from them to even points along its strokes."""
    strokes = [[tuple(map(float, p.split(','))) for p in stroke.split()] for stroke in way.split('|')]
    knots = sorted(set(sum(strokes, [])))
    lines, steps = [], []
    for stroke in strokes:
        # A spline is linear in its knots: drawn through unit vectors it gives the matrix.
        t = np.cumsum([0] + [np.hypot(*d) for d in np.diff(stroke, axis=0)])
        unit = np.eye(len(knots))[[knots.index(p) for p in stroke]]
        spline = CubicSpline(t, unit, bc_type='periodic' if stroke[0] == stroke[-1] else 'natural')
        lines.append(spline(np.linspace(0, t[-1], 1000)))
        steps.append(np.hypot(*np.diff(lines[-1] @ knots, axis=0, prepend=[stroke[0]]).T))
    along = np.cumsum(np.concatenate(steps))
    even = np.searchsorted(along, (np.arange(POINTS) + 0.5) / POINTS * along[-1])
    return np.array(knots), np.concatenate(lines)[even]


# All ways in one table, padded with knots that no stroke uses; a digit's ways stand together.
MATRICES = [stroke_matrix(way) for ways in WAYS for way in ways]
NKNOT = max(len(knots) for knots, _ in MATRICES)
KNOTS = np.array([np.pad(knots, ((0, NKNOT - len(knots)), (0, 0))) for knots, _ in MATRICES])
SPLINES = np.array([np.pad(A, ((0, 0), (0, NKNOT - A.shape[1]))) for _, A in MATRICES])
NWAY = np.array([len(ways) for ways in WAYS])
FIRST = np.cumsum(NWAY) - NWAY
NODES, REACH = np.arange(0, 14.1, 2.8), 8.0     # elastic grid; its blur has a sigma of 3 to 4 pixels
NUMBERS = 2, len(MIDDLE), 2 * NKNOT, 2 * len(NODES)**2, Xrow * Xcol     # random numbers of one digit


def bump(d):
    """(1 - d^2)^4 where |d| < 1, else 0: nearly a Gaussian of sigma 0.35, but it ends, and needs no exp."""
    return np.square(np.square(np.maximum(1 - d * d, 0)))


def place(t, middle, Xdim):
    """Coordinates t with their mean moved to middle, or as near as leaves a border of 3 pixels."""
    t = t - t.mean(1, keepdims=True) + middle
    t += np.maximum(3 - t.min(1, keepdims=True), 0)
    return t - np.maximum(t.max(1, keepdims=True) - (Xdim - 4), 0)


def draw_chunk(u):
    """Images and labels of m digits, each from its own row of u (m, sum(NUMBERS)), uniform in [-1, 1)."""
    m = len(u)
    choice, shape, tremble, field, grain = np.split(u, np.cumsum(NUMBERS)[:-1], axis=1)
    label, way = (choice.T + 1) / 2
    label = (label * len(WAYS)).astype(int)
    way = FIRST[label] + (way * NWAY[label]).astype(int)
    turn, slant, wide, size, r, right, down = (MIDDLE + SPREAD * shape).T[:, :, None]
    x, y = np.moveaxis(SPLINES[way] @ (KNOTS[way] + TREMBLE * tremble.reshape(m, NKNOT, 2)), 2, 0)

    # Elastic distortion: blurred random displacements, of the strokes, so that lines keep their width.
    near_x, near_y = (bump((t[:, :, None] - NODES) / REACH)[:, None] for t in (x, y))
    push = (near_y @ field.reshape(m, 2, len(NODES), len(NODES)) * near_x).sum(3)
    x, y = x + ELASTIC * push[:, 0], y + ELASTIC * push[:, 1]

    # Affine. As in MNIST, the longer side sets the size and the centre of mass the place.
    x, c, s = wide * x - slant * y, np.cos(turn), np.sin(turn)
    x, y = c * x - s * y, s * x + c * y
    scale = size / np.maximum(np.ptp(x, axis=1), np.ptp(y, axis=1))[:, None]
    x, y = place(scale * x, right, Xcol), place(scale * y, down, Xrow)

    # The pen is a bump in x times a bump in y, so the sum of its prints is a product of matrices.
    # On a line of prints a step apart it is 0.81 r / step; the median passes over lifts of the pen.
    pen_x = bump((x / r)[:, None] - (np.arange(Xcol) / r)[:, :, None])
    pen_y = bump((y / r)[:, None] - (np.arange(Xrow) / r)[:, :, None])
    step = np.median(np.hypot(np.diff(x), np.diff(y)), axis=1)[:, None]
    ink = pen_y @ pen_x.transpose(0, 2, 1) * (step / (0.81 * r))[:, :, None]

    # 1 is now the middle of a line. Let 0.2 be black and 0.7 white: an edge of about a pixel.
    ink *= 2 * (1 + GRAIN * grain.reshape(m, Xrow, Xcol))
    return np.rint(255 * np.clip(ink - 0.4, 0, 1)).astype(np.uint8), label.astype(np.uint8)


def draw_digits(n, seed):
    """n digits drawn by strokes: images, uint8 (n, Xrow, Xcol), ink 255 on 0; labels, uint8 (n,), 0..9.

    Every label is equally likely. The same seed gives the same bytes; fewer digits are the first of more.
    Raises ValueError unless n is a whole number of at least 1 and seed one of at least 0.
    Source of the elastic distortion: P. Simard, D. Steinkraus, J. Platt, "Best practices for
    convolutional neural networks applied to visual document analysis", ICDAR 2003.
    """
    for name, value, least in ('n', n, 1), ('seed', seed, 0):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
            raise ValueError('%s = %r: must be a whole number of at least %d' % (name, value, least))
    rng = np.random.RandomState(np.random.MT19937(seed))    # RandomState: NumPy keeps its numbers for good
    images, labels = np.empty((n, Xrow, Xcol), np.uint8), np.empty(n, np.uint8)
    for i in range(0, n, CHUNK):
        u = rng.uniform(-1, 1, (min(CHUNK, n - i), sum(NUMBERS)))
        images[i:i + CHUNK], labels[i:i + CHUNK] = draw_chunk(u)
    return images, labels
