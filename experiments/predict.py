"""Tells the digits in pictures of one's own, by a net that mnist_convnet.py has trained and saved.

    python mnist_convnet.py save=NET.npz
    python experiments/predict.py NET.npz PICTURE... show=FILE.png

A picture of any size shows a digit or a few side by side, dark on light or light on dark: a scan, or a photograph of a
sheet or a board. PGM is read as it is, PNG and others with Pillow. show=FILE writes what the net saw, a row for each
picture, as PNG (with Pillow) or PGM. NET.npz may be a checkpoint. Exit status 2: a picture in which no digit is seen.
"""
import io
import sys

import paths
import numpy as np

from datasets.files import one_line, write_whole
from digit_pictures import NoDigit, find_digits, like_mnist
from picture_files import PictureError, pgm, read_picture
from run import script, settings

COUNTS = {2: 'two digits', 3: 'three digits'}


def main(arguments):
    rules = {'show': settings.file_named('.png', '.pgm')}
    found = settings.parse(__doc__, {'show': ''}, rules, arguments, positional=2)
    saved_net, *files = found['positional']
    digits, blank = [], []                              # looked for first: Theano takes seconds
    for path in files:
        picture = read_picture(path)
        try:
            digits.append((path, find_digits(picture)))
        except NoDigit as error:
            blank.append('%s: no digit to be seen: %s' % (path, error))
    from theano_setup import theano
    import theano.tensor as T
    from run import saved_nets
    saved = saved_nets.load_net(saved_net)
    Xnch, Xrow, Xcol = saved.mean.shape
    if Xnch != 1:
        raise PictureError('%s: takes images of %d channels: must be 1' % (saved_net, Xnch))
    images = [(path, [like_mnist(ink, Xrow, Xcol) for ink in inks]) for path, inks in digits]
    if found['show'] and images:
        show(found['show'], [row for _, row in images])
    X = T.tensor4()
    output = theano.function([X], saved.net.output(X))
    for path, row in images:
        if len(row) > 1:
            print('# %s in %s, from left to right:' % (COUNTS.get(len(row), '%d digits' % len(row)), one_line(path)))
        for p in output((np.array(row)[:, np.newaxis] - saved.mean).astype(theano.config.floatX)):
            print('%s: %s' % (one_line(path), ', '.join('%d (%.1f %%)' % (k, 100 * p[k]) for k in np.argsort(-p)[:3])))
    if 'not MNIST' in saved.source:
        print('# the net was trained on %s' % saved.source)
    if blank:
        print('\n'.join(map(one_line, blank)), file=sys.stderr)
        sys.exit(2)


def show(path, rows):
    """Writes rows of images from 0 to 1, side by side and 4 times as large, into a picture file. Raises FileError."""
    Xrow, Xcol = rows[0][0].shape
    sheet = np.full((len(rows) * (Xrow + 1), max(map(len, rows)) * (Xcol + 1)), 0.5)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            sheet[i * (Xrow + 1):, j * (Xcol + 1):][:Xrow, :Xcol] = image
    sheet = np.rint(255 * np.kron(sheet, np.ones((4, 4)))).astype('uint8')
    if path.lower().endswith('.pgm'):
        return write_whole(path, pgm(sheet))
    try:
        from PIL import Image
    except ImportError:
        raise PictureError('show = %r: PNG is written with Pillow: pip install pillow, or show=FILE.pgm' % path)
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, 'PNG')
    write_whole(path, file.getvalue())


if __name__ == '__main__':
    with script.ending():
        main(sys.argv[1:])
