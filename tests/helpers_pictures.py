"""Pictures of digits as people bring them, made of images like MNIST's: each kind is a function of (digit, rng).

digit: (28, 28), ink from 0 to 1. What is returned is float, 0 to 255: grey (rows, cols) or colours (rows, cols, 3).
"""
import numpy as np
from scipy import ndimage

PENS = (20, 30, 160), (180, 20, 30), (10, 120, 40), (230, 120, 20), (120, 20, 140), (230, 200, 40)
PAPERS = (245, 245, 240), (250, 240, 200), (225, 235, 250)


def ink_on_sheet(digit, rng, side=None, share=(0.3, 0.75)):
    """The ink, from 0 to 1, of a digit somewhere on a sheet of side x side pixels; share: of the digit's box in it."""
    side = side or rng.randint(300, 800)
    size = int(side * rng.uniform(*share))
    large = ndimage.zoom(digit, size / 28., order=1)
    large = np.clip((ndimage.gaussian_filter(large, size / 80.) - 0.1) / 0.5, 0, 1)      # edges of a pen
    sheet = np.zeros((side, side))
    row, col = rng.randint(0, side - len(large) + 1, 2)
    sheet[row:row + len(large), col:col + len(large)] = large
    return sheet


def drawn(sheet, rng, paper=None, ink=None, noise=1.):
    """Grey values of ink on paper, with the noise of a camera."""
    paper = rng.uniform(200, 245) if paper is None else paper
    ink = rng.uniform(20, 80) if ink is None else ink
    return np.clip(paper + (ink - paper) * sheet + noise * rng.normal(size=sheet.shape), 0, 255)


def plain(digit, rng):
    return drawn(ink_on_sheet(digit, rng), rng)


def axes(side):
    """y and x, from 0 to 1."""
    return np.mgrid[:side, :side] / (side - 1.)


def falloff(digit, rng):
    """Light that falls off to one side, to a third or so."""
    sheet = ink_on_sheet(digit, rng)
    y, x = axes(len(sheet)) - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    along = (np.cos(angle) * x + np.sin(angle) * y) / (abs(np.cos(angle)) + abs(np.sin(angle))) + 0.5
    return drawn(sheet, rng, noise=3) * (1 - rng.uniform(0.4, 0.7) * along)


def corners(digit, rng):
    """Dark corners, as of a lens or a lamp."""
    sheet = ink_on_sheet(digit, rng)
    y, x = 2 * axes(len(sheet)) - 1
    return drawn(sheet, rng, noise=2) * (1 - rng.uniform(0.5, 0.8) * ((x**2 + y**2) / 2) ** rng.uniform(0.8, 2))


def shadow(digit, rng):
    """The edge of a shadow, hard or soft, runs across the sheet at any angle."""
    sheet = ink_on_sheet(digit, rng)
    y, x = axes(len(sheet)) - 0.5
    angle, soft = rng.uniform(0, 2 * np.pi), rng.choice([0.002, 0.01, 0.05])
    far = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.3, 0.3)
    if rng.rand() < 0.3:                                # bent, as of a hand
        far = far + 0.3 * (np.cos(angle) * y - np.sin(angle) * x)**2
    return drawn(sheet, rng, noise=2) * (1 - rng.uniform(0.3, 0.6) / (1 + np.exp(-np.clip(far / soft, -50, 50))))


def lined(digit, rng, grid=False):
    """Lined paper: lines of a pixel or three, lighter than the ink."""
    sheet = ink_on_sheet(digit, rng)
    side = len(sheet)
    picture = drawn(sheet, rng, noise=3)
    step, thick, tint = rng.randint(side // 20, side // 8), rng.randint(1, 4), rng.uniform(100, 180)
    lines = np.zeros(sheet.shape, bool)
    for first in range(rng.randint(step), side, step):
        lines[first:first + thick] = True
        if grid:
            lines[:, first:first + thick] = True
    return np.where(lines, np.minimum(picture, tint + 3 * rng.normal(size=sheet.shape)), picture)


def squared(digit, rng):
    return lined(digit, rng, grid=True)


def skewed(digit, rng):
    """Lined paper, a little askew."""
    picture = lined(digit, rng)
    return ndimage.rotate(picture, rng.uniform(-4, 4), reshape=False, order=1, mode='nearest')


def pencil(digit, rng):
    """A pencil's grey, and the noise of little light."""
    return drawn(ink_on_sheet(digit, rng), rng, paper=rng.uniform(190, 230), ink=rng.uniform(110, 150),
                 noise=rng.uniform(10, 25))


def speck(digit, rng):
    """A speck of dirt in a corner."""
    picture = drawn(ink_on_sheet(digit, rng, share=(0.3, 0.6)), rng)
    size, side = rng.randint(2, 12), len(picture)
    row, col = (rng.choice([rng.randint(5, side // 10), side - rng.randint(15, side // 10 + 15)]) for _ in 'rc')
    picture[row:row + size, col:col + size] = rng.uniform(0, 60)
    return picture


def small(digit, rng):
    """A small digit on a large sheet."""
    return drawn(ink_on_sheet(digit, rng, rng.randint(900, 1600), (0.04, 0.12)), rng, noise=2)


def chalk(digit, rng):
    """Light on dark, with a board's smears."""
    sheet = ink_on_sheet(digit, rng)
    smears = ndimage.gaussian_filter(rng.normal(size=sheet.shape), len(sheet) / 15)
    board = rng.uniform(30, 80)
    return np.clip(drawn(sheet, rng, board, rng.uniform(180, 240), 4) + 8 * smears / smears.std(), 0, 255)


def table(digit, rng):
    """A sheet, perhaps askew, on a dark table that is seen on all sides or on some."""
    side = rng.randint(400, 900)
    rows, cols = (int(side * rng.uniform(0.45, 0.8)) for _ in 'rc')
    ink = ink_on_sheet(digit, rng, min(rows, cols), (0.35, 0.7))
    sheet = np.zeros((rows, cols))
    row, col = rng.randint(rows - len(ink) + 1), rng.randint(cols - len(ink) + 1)
    sheet[row:row + len(ink), col:col + len(ink)] = ink
    picture = np.full((side, side), -1.)
    row, col = rng.randint(side - rows + 1), rng.randint(side - cols + 1)
    picture[row:row + rows, col:col + cols] = sheet
    picture = ndimage.rotate(picture, rng.uniform(-10, 10), reshape=False, order=1, cval=-1)
    on_sheet = ndimage.gaussian_filter((picture > -0.5).astype(float), 1)
    wood = rng.uniform(30, 80) + 5 * np.sin(axes(side)[0] * 60 + 3 * axes(side)[1])
    return np.clip(on_sheet * drawn(np.maximum(picture, 0), rng, noise=0) + (1 - on_sheet) * wood
                   + 3 * rng.normal(size=picture.shape), 0, 255)


def coloured(digit, rng):
    """A pen of any colour on white or tinted paper: (rows, cols, 3)."""
    sheet = ink_on_sheet(digit, rng)[:, :, None]
    pen, paper = np.array(PENS[rng.randint(len(PENS))]), np.array(PAPERS[rng.randint(len(PAPERS))])
    return np.clip(paper + (pen - paper) * sheet + 2 * rng.normal(size=sheet.shape), 0, 255)


KINDS = plain, falloff, corners, shadow, lined, pencil, speck, small, chalk, table, coloured
MORE = squared, skewed
