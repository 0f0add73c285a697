"""The script that tells digits in pictures of one's own: its answers, what it says where it has none, what it shows."""
import numpy as np
import pytest
from scipy import ndimage

from conftest import run_script
from datasets.drawn_digits import draw_digits
from digit_pictures import like_mnist
import helpers_pictures as kinds
from picture_files import pgm, read_picture

pytestmark = pytest.mark.xdist_group('drawn')


@pytest.fixture
def net(drawn_run):
    return drawn_run[1]


@pytest.fixture
def put(tmp_path):
    """A function that writes a picture as NAME.pgm, and returns its path."""
    def put(name, picture):
        path = tmp_path / (name + '.pgm')
        path.write_bytes(pgm(np.rint(picture).astype('uint8')))
        return str(path)
    return put


def predict(*arguments):
    return run_script(*arguments, script='experiments/predict.py')


def test_digits_are_told_nearly_as_well_as_in_images_like_mnists(net, put):
    """Pictures of every kind; the net, of two epochs, tells more than 90 % of drawn digits in their own form."""
    X, t = draw_digits(30, 12345)
    rng, grey = np.random.RandomState(0), [kind for kind in kinds.KINDS if kind is not kinds.coloured]
    paths = [put(str(n), grey[n % len(grey)](x / 255, rng)) for n, x in enumerate(X)]
    run = predict(net, *paths)
    assert run.returncode == 0, run.stderr
    *lines, last = run.stdout.rstrip().split('\n')
    assert 'not MNIST' in last and lines[0].startswith(paths[0] + ': ') and lines[0].count('%') == 3
    answers = {path: answer[0] for path, _, answer in (line.partition(': ') for line in lines) if path in paths}
    assert np.mean([answers[path] == str(k) for path, k in zip(paths, t)]) > 0.85


def test_two_digits_are_said_and_both_told_and_a_blank_page_is_not_told(net, put, tmp_path):
    X, t = draw_digits(2, 12345)
    two = ndimage.zoom(np.hstack([x / 255 for x in X]), 6, order=1)
    blank = put('blank', kinds.plain(np.zeros((28, 28)), np.random.RandomState(0)))
    faint = put('faint', 220 - 4 * two)
    path = put('two', 220 - 180 * two)
    shown = str(tmp_path / 'shown.pgm')
    run = predict(net, blank, path, faint, 'show=' + shown)
    assert run.returncode == 2
    head, *answers, _ = run.stdout.rstrip().split('\n')
    assert head == '# two digits in %s, from left to right:' % path
    assert [answer.startswith('%s: %d (' % (path, k)) for answer, k in zip(answers, t)] == [True, True]
    assert [line.split(': ')[:2] for line in run.stderr.rstrip().split('\n')] == [
        [blank, 'no digit to be seen'], [faint, 'no digit to be seen']]
    saw = read_picture(shown)
    assert saw.shape == (4 * 29, 2 * 4 * 29)
    for n, x in enumerate(X):
        image = saw[2:112:4, 4 * 29 * n + 2:4 * 29 * n + 112:4]
        assert np.corrcoef(image.ravel(), like_mnist(x / 255, 28, 28).ravel())[0, 1] > 0.9


def test_what_the_net_saw_is_shown_as_png(net, put, tmp_path):
    pytest.importorskip('PIL')
    shown = str(tmp_path / 'shown.png')
    run = predict(net, put('a', 255 - np.pad(draw_digits(1, 0)[0][0], 9)), 'show=' + shown)
    assert run.returncode == 0 and read_picture(shown).shape == (116, 116), run.stderr


@pytest.mark.parametrize('arguments, text', [
    ([], '0 arguments: must be at least 2'), (['{net}'], '1 arguments'),
    (['/nowhere.npz', '{picture}'], '/nowhere.npz: cannot be read: No such file'),
    (['{net}', '/nowhere.pgm'], '/nowhere.pgm: No such file'),
    (['{picture}', '{picture}'], 'a.pgm: not a saved net, or damaged'),
    (['{net}', '{picture}', 'show=/nowhere/a.png'], "show = '/nowhere/a.png': must be"),
    (['{net}', '{picture}', 'show=a.gif'], "show = 'a.gif': must be"),
])
def test_mistakes_are_one_line(net, put, arguments, text):
    picture = put('a', 255 - draw_digits(1, 0)[0][0])
    run = predict(*[a.format(net=net, picture=picture) for a in arguments])
    assert run.returncode in (1, 2) and text in run.stderr and run.stderr.count('\n') == 1, run.stderr
