"""Digits in pictures of one's own, against the images they were made of."""
import numpy as np
import pytest
from scipy import ndimage

import predict
from conftest import run_script


def pgm(picture, plain=False, most=255):
    head = 'P%d\n# made up\n%d %d\n%d\n' % (2 if plain else 5, picture.shape[1], picture.shape[0], most)
    if plain:
        return (head + '\n'.join(' '.join(map(str, row)) for row in picture)).encode()
    return head.encode() + picture.astype('>u2' if most > 255 else 'u1').tobytes()


@pytest.mark.parametrize('plain', [False, True])
@pytest.mark.parametrize('most', [255, 1000])
def test_reads_pgm(tmp_path, plain, most):
    picture = np.random.RandomState(0).randint(most + 1, size=(5, 7))
    path = tmp_path / 'a.pgm'
    path.write_bytes(pgm(picture, plain, most))
    assert np.array_equal(predict.read_picture(str(path)), picture)


@pytest.mark.parametrize('content, text', [
    (b'P5 5 7', 'header'), (b'P5 5 7 255\n123', 'must follow'), (b'P5 0 7 255\n', '0 x 7 pixels'),
    (b'P5 1000000 1000000 255\n', 'must be 1 to'), (b'P2 1 1 255\nx', ''), (b'P2 1 1 255\n256', 'must follow'),
])
def test_broken_pictures_are_one_line(tmp_path, content, text):
    path = tmp_path / 'a.pgm'
    path.write_bytes(content)
    with pytest.raises(predict.PictureError) as error:
        predict.read_picture(str(path))
    assert str(error.value).startswith(str(path)) and text in str(error.value)


def test_averages_are_those_of_a_picture_repeated():
    """Averaging over old / new pixels, where that is whole, is the mean of blocks; else of pixels cut in pieces."""
    rows = np.random.RandomState(0).rand(12)
    assert predict.averages(4, 12).dot(rows) == pytest.approx(rows.reshape(4, 3).mean(1))
    assert predict.averages(5, 12).dot(rows) == pytest.approx(np.repeat(rows, 5).reshape(5, 12).mean(1))
    assert predict.averages(24, 12).dot(rows) == pytest.approx(np.repeat(rows, 2))


def stroke():
    """A thick slanted stroke, 60 x 40 pixels of ink in a picture of 90 x 200."""
    picture = np.zeros((90, 200))
    rows, cols = np.mgrid[:60, :40]
    picture[20:80, 130:170] = np.abs(cols - 5 - rows / 2) < 5
    return picture


@pytest.mark.parametrize('ink, paper', [(255, 0), (0, 255), (40, 200)])
def test_pictures_come_to_be_like_mnist(ink, paper):
    """Light on dark, 20 pixels at the longer side, the centre of mass in the middle, whatever the picture was like."""
    image = predict.like_mnist(paper + (ink - paper) * stroke(), 28, 28)
    rows, cols = np.nonzero(image)
    assert image.shape == (28, 28) and image.max() == 1 and image.min() == 0
    assert rows.max() - rows.min() + 1 == 20 and 11 <= cols.max() - cols.min() + 1 <= 14
    assert np.abs(np.array(ndimage.center_of_mass(image)) - 13.5).max() <= 0.5
    assert image == pytest.approx(predict.like_mnist(255 * stroke(), 28, 28), abs=0.02)


def test_one_grey_level_is_no_digit():
    with pytest.raises(ValueError, match='no digit'):
        predict.like_mnist(np.full((30, 30), 7.), 28, 28)


@pytest.fixture
def net(drawn_run):
    return drawn_run[1]


@pytest.mark.xdist_group('drawn')
def test_digits_in_large_dark_on_light_pictures_are_told(net, tmp_path):
    """As many as the net tells of digits drawn afresh in MNIST's own form, but for a few."""
    from datasets.drawn_digits import draw_digits
    X, t = draw_digits(100, 12345)
    paths = []
    for n, x in enumerate(X):
        large = np.zeros((150, 130))
        large[20:132, 10:122] = ndimage.zoom(x.astype(float), 4, order=1)
        paths.append(str(tmp_path / ('%d.pgm' % n)))
        with open(paths[-1], 'wb') as file:
            file.write(pgm(np.clip(230 - 0.8 * large, 0, 255).astype(int)))
    run = run_script(net, *paths, script='experiments/predict.py')
    assert run.returncode == 0, run.stderr
    lines = run.stdout.rstrip().split('\n')
    assert 'not MNIST' in lines[-1] and lines[0].startswith(paths[0] + ': ') and lines[0].count('%') == 3
    told = np.array([int(line.partition(': ')[2][0]) for line in lines[:-1]])
    assert np.mean(told == t) > 0.85


@pytest.mark.xdist_group('drawn')
def test_png(net, tmp_path):
    Image = pytest.importorskip('PIL.Image')
    path = str(tmp_path / 'a.png')
    alpha = Image.fromarray((255 * stroke()).astype('uint8'))
    picture = Image.new('RGBA', alpha.size, 'black')
    picture.putalpha(alpha)                                # black ink on nothing
    picture.save(path)
    assert predict.read_picture(path) == pytest.approx(255 - 255 * stroke())
    white = Image.new('RGBA', alpha.size, 'white')
    white.putalpha(alpha)
    white.save(str(tmp_path / 'white.png'))
    assert predict.read_picture(str(tmp_path / 'white.png')) == pytest.approx(255 * stroke())
    assert run_script(net, path, script='experiments/predict.py').stdout.startswith(path + ': 1 (')


@pytest.mark.xdist_group('drawn')
@pytest.mark.parametrize('arguments, status, text', [
    ([], 2, '0 arguments: must be at least 2'), (['{net}'], 2, '1 arguments: must be at least 2'),
    (['/nowhere.npz', 'a.pgm'], 1, '/nowhere.npz: cannot be read: No such file'),
    (['{net}', '/nowhere.pgm'], 2, '/nowhere.pgm: No such file'),
    (['{net}', '{net}'], 2, 'net.npz: cannot identify image file'),
])
def test_mistakes_are_one_line_and_a_status(net, arguments, status, text):
    run = run_script(*[a.format(net=net) for a in arguments], script='experiments/predict.py')
    assert run.returncode == status and text in run.stderr and run.stderr.count('\n') == 1, run.stderr
