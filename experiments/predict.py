"""Tells the digits in pictures of one's own, by a net that mnist_convnet.py has trained and saved.

    python mnist_convnet.py save=NET.npz
    python experiments/predict.py NET.npz PICTURE...

A picture of any size holds one digit, dark on light or light on dark. PGM is read as it is, PNG and others with Pillow.
"""
import re
import sys

import paths
import numpy as np
from scipy import ndimage

from run import script, settings

PIXELS = 10**8                      # in a picture, at most


class PictureError(Exception):
    """A picture that cannot be read or shows nothing: one line that names it."""
    status = 2


def read_picture(path):
    """Grey values (rows, cols), float, of a picture file. Raises PictureError."""
    try:
        with open(path, 'rb') as file:
            if file.read(2) in (b'P2', b'P5'):
                file.seek(0)
                return read_pgm(file.read(40 * PIXELS))
        try:
            from PIL import Image
        except ImportError:
            raise PictureError('%s: not a PGM file; others are read with Pillow: pip install pillow' % path)
        with Image.open(path) as image:
            if image.size[0] * image.size[1] > PIXELS:
                raise ValueError('%d x %d pixels: must be %d at most' % (image.size + (PIXELS,)))
            image = image.convert('RGBA')
            for paper in 'white', 'black':               # shown where it is transparent; on black, if all of it is white
                picture = np.asarray(Image.alpha_composite(Image.new('RGBA', image.size, paper), image).convert('L'), 'float64')
                if picture.min() != picture.max():
                    break
            return picture
    except (OSError, ValueError, SyntaxError, MemoryError) as error:
        raise PictureError('%s: %s' % (path, getattr(error, 'strerror', None) or error or 'cannot be read'))


def read_pgm(content):
    """Grey values of a PGM file, plain (P2) or raw (P5). Raises ValueError."""
    head = re.match(rb'P([25])((?:\s|#[^\n]*\n)+\d+){3}\s', content)
    if not head:
        raise ValueError('its PGM header is broken')
    words = re.sub(rb'#[^\n]*\n', b' ', head.group()).split()
    cols, rows, most = map(int, words[1:4])
    if not (1 <= rows * cols <= PIXELS and 1 <= most <= 65535):
        raise ValueError('PGM of %d x %d pixels up to %d: must be 1 to %d pixels, up to 65535' % (cols, rows, most, PIXELS))
    body = content[head.end():]
    if words[0] == b'P2':
        values = np.array(body.split()[:rows * cols], 'float64')
    else:
        dtype = np.dtype('>u2' if most > 255 else 'u1')
        values = np.frombuffer(body[:rows * cols * dtype.itemsize], dtype).astype('float64')
    if values.size != rows * cols or values.min() < 0 or values.max() > most:
        raise ValueError('PGM of %d x %d pixels: %d values from 0 to %d must follow' % (cols, rows, rows * cols, most))
    return values.reshape(rows, cols)


def like_mnist(picture, Xrow, Xcol):
    """A picture (rows, cols) as MNIST was made of the NIST digits: (Xrow, Xcol), from 0 to 1, light on dark.

    The ink is what differs from the background, the border's median. Cropped, scaled to a box of 20/28 of
    the image with its proportions kept, its centre of mass is put into the middle
    (LeCun, Bottou, Bengio and Haffner 1998, section III A). Raises ValueError where there is no ink.
    """
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    ink = np.abs(picture - np.median(border))
    if ink.max() == 0:
        raise ValueError('one grey level only: no digit to be seen')
    ink = np.clip((ink / ink.max() - 0.2) / 0.6, 0, 1)           # paper is not quite even, ink not quite black
    rows, cols = (np.flatnonzero(ink.max(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0]:rows[-1] + 1, cols[0]:cols[-1] + 1]
    scale = min(Xrow * 20 / 28 / ink.shape[0], Xcol * 20 / 28 / ink.shape[1])
    size = [max(1, int(round(scale * n))) for n in ink.shape]
    small = averages(size[0], ink.shape[0]).dot(ink).dot(averages(size[1], ink.shape[1]).T)
    image = np.zeros((Xrow, Xcol))
    corner = [int(np.clip(round(X / 2 - 0.5 - middle), 0, X - n))
              for X, n, middle in zip(image.shape, size, ndimage.center_of_mass(small))]
    image[corner[0]:corner[0] + size[0], corner[1]:corner[1] + size[1]] = small / small.max()
    return image


def averages(new, old):
    """The matrix (new, old) that averages a line of old pixels over new ones, which share it out evenly."""
    edges = np.arange(new + 1)[:, np.newaxis] * old / new
    covered = np.clip(edges - np.arange(old), 0, 1)              # share of each old pixel left of each edge
    return np.diff(covered, axis=0) * new / old


def main(arguments):
    saved_net, *files = settings.parse(__doc__, {}, {}, arguments, positional=2)['positional']
    from theano_setup import theano                     # slow: after the arguments are checked
    import theano.tensor as T
    from run import saved_nets
    saved = saved_nets.load_net(saved_net)
    Xnch, Xrow, Xcol = saved.mean.shape
    if Xnch != 1:
        raise PictureError('%s: takes images of %d channels: must be 1' % (saved_net, Xnch))
    images = []
    for path in files:
        try:
            images.append(like_mnist(read_picture(path), Xrow, Xcol))
        except ValueError as error:
            raise PictureError('%s: %s' % (path, error))
    X = T.tensor4()
    output = theano.function([X], saved.net.output(X))
    for path, p in zip(files, output((np.array(images)[:, np.newaxis] - saved.mean).astype(theano.config.floatX))):
        print('%s: %s' % (path, ', '.join('%d (%.1f %%)' % (k, 100 * p[k]) for k in np.argsort(-p)[:3])))
    if 'not MNIST' in saved.source:
        print('# the net was trained on %s' % saved.source)


if __name__ == '__main__':
    with script.ending():
        main(sys.argv[1:])
