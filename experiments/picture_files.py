"""Pictures read from files: PGM as it is, others with Pillow."""
import re
import warnings

import numpy as np

PIXELS = 64 * 10**6                 # in a picture, at most: a bomb unpacks to more
SIDE = 2000                         # pixels of the longer side to which larger pictures are reduced, or more
FORMATS = 'PNG', 'JPEG', 'TIFF', 'BMP', 'GIF', 'WEBP', 'PPM', 'TGA', 'JPEG2000'       # none that runs a program


class PictureError(Exception):
    """A picture that cannot be read: one line that names it."""
    status = 2


def read_picture(path):
    """Greys (rows, cols) or colours (rows, cols, 3) of a picture file, upright, on any scale. Raises PictureError."""
    try:
        with open(path, 'rb') as file:
            if re.match(rb'P[25]\s', file.read(3)):
                file.seek(0)
                return read_pgm(file)
        try:
            from PIL import Image
        except ImportError:
            raise PictureError('%s: not a PGM file; others are read with Pillow: pip install pillow' % path)
        Image.MAX_IMAGE_PIXELS = None                            # check_size() is stricter
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')                      # of metadata that are not needed here
            with Image.open(path, formats=FORMATS) as image:
                check_size(*image.size)
                return pixels(image)
    except (OSError, ValueError, SyntaxError, MemoryError, OverflowError) as error:
        raise PictureError('%s: %s' % (path, getattr(error, 'strerror', None) or error or 'cannot be read'))


def check_size(cols, rows):
    if not 1 <= cols * rows <= PIXELS:
        raise ValueError('%d x %d pixels: must be 1 to %d' % (cols, rows, PIXELS))


def pixels(image):
    """What a Pillow image shows, as an array, upright."""
    orientation = image.getexif().get(0x0112, 1)
    picture = values(image)
    if orientation in (5, 6, 7, 8):
        picture = picture.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    return picture


def values(image):
    """The greys or colours of a Pillow image, reduced where it is large, as its file has it."""
    from PIL import Image
    if image.mode[0] in 'IF':                                    # 16 or 32 bits, or floats
        picture = np.asarray(image)
        if not np.isfinite(picture).all():
            raise ValueError('has pixels that are no finite numbers')
        return picture
    see_through = image.mode in ('LA', 'PA', 'La', 'RGBA', 'RGBa') or 'transparency' in image.info
    mode = 'RGBA' if see_through else 'L' if image.mode in ('1', 'L') else 'RGB'
    if image.mode != mode:
        image = image.convert(mode)
    image = image.reduce(max(1, max(image.size) // SIDE))
    if not see_through:
        return np.asarray(image)
    papers = [np.asarray(Image.alpha_composite(Image.new('RGBA', image.size, paper), image).convert('RGB'))
              for paper in ('white', 'black')]
    return max(papers, key=lambda picture: float(picture.max()) - picture.min())         # white, if both show as much


def read_pgm(file):
    """Grey values of a PGM file, plain (P2) or raw (P5). Raises ValueError."""
    content = file.read(4096)
    head = re.match(rb'P([25])((?:\s|#[^\n]*\n)+\d+){3}\s', content)
    if not head:
        raise ValueError('its PGM header is broken')
    kind, cols, rows, most = re.sub(rb'#[^\n]*\n', b' ', head.group()).split()
    cols, rows, most = int(cols), int(rows), int(most)
    check_size(cols, rows)
    if not 1 <= most <= 65535:
        raise ValueError('PGM with values up to %d: must be 1 to 65535' % most)
    if kind == b'P2':
        words = (content[head.end():] + file.read(8 * rows * cols)).split()[:rows * cols]
        values = np.array(words, 'float32')
    else:
        dtype = np.dtype('>u2' if most > 255 else 'u1')
        size = rows * cols * dtype.itemsize
        body = (content[head.end():] + file.read(size))[:size]
        values = np.frombuffer(body[:len(body) // dtype.itemsize * dtype.itemsize], dtype)
    if values.size != rows * cols or not 0 <= values.min() <= values.max() <= most:
        raise ValueError('PGM of %d x %d pixels: %d values from 0 to %d must follow' % (cols, rows, rows * cols, most))
    return values.reshape(rows, cols)


def pgm(picture):
    """The bytes of a PGM file of unsigned bytes (rows, cols)."""
    return b'P5 %d %d 255\n' % picture.shape[::-1] + picture.tobytes()
