"""Picture files of every kind: what is read is what was written; what cannot be read is one line, at once."""
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from conftest import ROOT
from picture_files import PictureError, pgm, read_picture


@pytest.mark.parametrize('plain', [False, True])
@pytest.mark.parametrize('most', [255, 1000])
def test_reads_pgm(tmp_path, plain, most):
    picture = np.random.RandomState(0).randint(most + 1, size=(5, 7))
    head = b'P%d\n# made up\n7 5\n%d\n' % (2 if plain else 5, most)
    raw = picture.astype('>u2' if most > 255 else 'u1').tobytes()
    path = tmp_path / 'a.pgm'
    path.write_bytes(head + (' '.join(map(str, picture.ravel())).encode() if plain else raw))
    assert np.array_equal(read_picture(str(path)), picture)


def test_reads_the_pgm_that_it_writes(tmp_path):
    picture = np.random.RandomState(0).randint(256, size=(5, 7)).astype('uint8')
    (tmp_path / 'a.pgm').write_bytes(pgm(picture))
    assert np.array_equal(read_picture(str(tmp_path / 'a.pgm')), picture)


@pytest.mark.parametrize('content, text', [
    (b'P5 5 7', 'header'), (b'P5 5 7 255\n123', 'must follow'), (b'P5 0 7 255\n', '0 x 7 pixels'),
    (b'P5 1000000 1000000 255\n', '1000000 x 1000000 pixels: must be 1 to'), (b'P2 1 1 255\nx', ''),
    (b'P2 1 1 255\n256', 'must follow'), (b'P5 2 2 1000\n1234567', 'must follow'), (b'', ''), (b'<html>', ''),
])
def test_broken_pictures_are_one_line(tmp_path, content, text):
    path = tmp_path / 'a.pgm'
    path.write_bytes(content)
    with pytest.raises(PictureError) as error:
        read_picture(str(path))
    assert str(error.value).startswith('%s: ' % path) and text in str(error.value) and '\n' not in str(error.value)


@pytest.fixture
def Image():
    return pytest.importorskip('PIL.Image')


GREY = np.random.RandomState(1).randint(256, size=(9, 7)).astype('uint8')
COLOUR = np.random.RandomState(2).randint(256, size=(9, 7, 3)).astype('uint8')


@pytest.mark.parametrize('array, name', [
    (GREY, 'a.png'), (GREY.astype('uint16') * 257, 'a.png'), (GREY.astype('int32') * 70000, 'a.tif'),
    (GREY / 256, 'a.tif'),
    (COLOUR, 'a.png'), (COLOUR, 'a.bmp'), (COLOUR, 'a.tif'), (GREY, 'a.tga'),
])
def test_values_are_read_as_written(Image, tmp_path, array, name):
    path = str(tmp_path / name)
    Image.fromarray(array.astype('float32') if array.dtype == 'float64' else array).save(path)
    assert np.array_equal(read_picture(path), array)


def test_palettes_and_bits_are_read_as_what_they_show(Image, tmp_path):
    path = str(tmp_path / 'a.png')
    Image.fromarray(COLOUR).quantize(64).save(path)
    assert np.array_equal(read_picture(path), np.asarray(Image.open(path).convert('RGB')))
    Image.fromarray(GREY > 128).save(path)
    assert np.array_equal(read_picture(path), 255 * (GREY > 128))


def test_cmyk_is_turned_into_light(Image, tmp_path):
    path = str(tmp_path / 'a.tif')
    Image.fromarray(np.full((5, 5, 4), (0, 0, 0, 255), 'uint8'), 'CMYK').save(path)
    assert read_picture(path).max() < 10
    Image.fromarray(np.zeros((5, 5, 4), 'uint8'), 'CMYK').save(path)
    assert read_picture(path).min() > 245


@pytest.mark.parametrize('ink, expected', [(0, 255 - GREY), (255, GREY)])
@pytest.mark.parametrize('mode', ['RGBA', 'LA'])
def test_ink_on_nothing_is_shown_on_a_paper_that_shows_it(Image, tmp_path, mode, ink, expected):
    image = Image.new('RGBA', GREY.shape[::-1], (ink, ink, ink, 0))
    image.putalpha(Image.fromarray(GREY))
    image.convert(mode).save(str(tmp_path / 'a.png'))
    assert abs(read_picture(str(tmp_path / 'a.png')).astype(int) - expected[:, :, None]).max() <= 1


@pytest.mark.parametrize('orientation, back', [
    (1, lambda A: A), (2, np.fliplr), (3, lambda A: np.rot90(A, 2)), (4, np.flipud), (5, np.transpose),
    (6, lambda A: np.rot90(A, 1)), (7, lambda A: np.rot90(A.T, 2)), (8, lambda A: np.rot90(A, -1))])
def test_pictures_are_set_upright(Image, tmp_path, orientation, back):
    """back: what a camera held in this way has written, of what it saw."""
    image = Image.fromarray(np.ascontiguousarray(back(GREY)))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(str(tmp_path / 'a.png'), exif=exif)
    assert np.array_equal(read_picture(str(tmp_path / 'a.png')), GREY)


def png_of_zeros(cols, rows):
    """A PNG of zeros, 8 bits a pixel, built by hand, of which the first 200 million pixels are there."""
    packer, line = zlib.compressobj(9), bytes(1 + cols)
    body = b''.join(packer.compress(line) for _ in range(min(rows, 2 * 10**8 // cols))) + packer.flush()
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
        for kind, data in ((b'IHDR', struct.pack('>2I5B', cols, rows, 8, 0, 0, 0, 0)), (b'IDAT', body), (b'IEND', b'')))


@pytest.mark.parametrize('cols, rows', [(20000, 10000), (100000, 100000)])
def test_a_bomb_is_a_line_without_the_memory_that_it_asks_for(Image, tmp_path, cols, rows):
    path = tmp_path / 'a.png'
    path.write_bytes(png_of_zeros(cols, rows))
    code = 'import sys; sys.path.insert(0, "experiments"); import picture_files, resource\n' \
        'resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))\n' \
        'try: picture_files.read_picture(%r)\nexcept picture_files.PictureError as error: print(error)' % str(path)
    run = subprocess.run([sys.executable, '-W', 'error', '-c', code], cwd=ROOT, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, universal_newlines=True)
    assert run.stderr == '' and run.stdout.startswith('%s: ' % path) and run.stdout.count('\n') == 1
    assert '%d x %d pixels: must be 1 to 64000000' % (cols, rows) in run.stdout
