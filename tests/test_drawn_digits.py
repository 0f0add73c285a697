import hashlib
import resource
import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.ndimage import label as connected_parts

from conftest import ROOT
from datasets.drawn_digits import draw_digits


@pytest.fixture(scope='module')
def digits():
    return draw_digits(12000, 1)


def softmax_error(X, t, XT, tT, epochs=10):
    """Test error, in %, of a linear classifier: softmax regression by momentum SGD, in NumPy."""
    rng, W, v = np.random.RandomState(0), np.zeros((X.shape[1], 10)), 0
    T = np.eye(10)[t]
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(len(X)), len(X) // 100):
            p = np.exp(X[batch] @ W)
            v = 0.8 * v - 0.02 * X[batch].T @ (p / p.sum(1, keepdims=True) - T[batch]) / len(batch)
            W = W + v
    return 100 * np.mean((XT @ W).argmax(1) != tT)


def nearest_error(X, t, XT, tT):
    """Test error, in %, of the nearest neighbour."""
    nearest = ((X**2).sum(1) - 2 * XT @ X.T).argmin(1)
    return 100 * np.mean(t[nearest] != tT)


def test_a_linear_classifier_is_not_perfect_and_a_better_one_is_better(digits):
    X = np.hstack([digits[0].reshape(-1, 784) / 255, np.ones((12000, 1))])
    t = digits[1]
    linear = softmax_error(X[:10000], t[:10000], X[10000:], t[10000:])
    nearest = nearest_error(X[:10000], t[:10000], X[10000:11000], t[10000:11000])
    assert 4 < linear < 20 and nearest < 0.8 * linear


def test_shape_polarity_and_classes_are_mnists(digits):
    images, labels = digits
    assert images.shape == (12000, 28, 28) and images.dtype == labels.dtype == np.uint8
    assert images[:, [0, -1]].max() == images[:, :, [0, -1]].max() == 0           # nothing clipped by the border
    assert images.max(axis=(1, 2)).min() > 200 and 15 < images.mean() < 50        # white ink on black
    assert abs(np.bincount(labels) / 1200 - 1).max() < 0.15


def test_digits_have_their_topology(digits):
    """Most 0, 6, 8, 9 enclose holes, 1, 2(plain), 3, 5, 7 hardly ever: what a reader looks at."""
    images, labels = digits
    holes = np.array([connected_parts(image < 64)[1] - 1 for image in images[:4000]])
    mean = [holes[labels[:4000] == digit].mean() for digit in range(10)]
    assert min(mean[0], mean[6], mean[9]) > 0.7 and mean[8] > 1.4
    assert max(mean[1], mean[3], mean[5], mean[7]) < 0.3


def test_the_same_seed_gives_the_same_bytes_in_another_process_with_other_threads():
    code = ('import hashlib, datasets.drawn_digits as drawn; images, labels = drawn.draw_digits(2000, 3); '
            'print(hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest())')
    images, labels = draw_digits(2000, 3)
    expected = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    for threads in '1', '2':
        run = subprocess.run([sys.executable, '-c', code], cwd=ROOT, stdout=subprocess.PIPE, universal_newlines=True,
                             env={'OPENBLAS_NUM_THREADS': threads})
        assert run.stdout.strip() == expected
    assert not np.array_equal(draw_digits(2000, 4)[0], images)


def test_70000_come_in_under_20_s_and_little_memory():
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    images, _ = draw_digits(70000, 0)
    assert time.perf_counter() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500e3     # KB
    assert len(images) == 70000


@pytest.mark.parametrize('n, seed, line', [
    (0, 0, 'n = 0: must be a whole number of at least 1'), (2.0, 0, 'n = 2.0: must be'), (True, 0, 'n = True: must be'),
    (1, -1, 'seed = -1: must be a whole number of at least 0'), (1, None, 'seed = None: must be'),
])
def test_wrong_arguments_are_named(n, seed, line):
    with pytest.raises(ValueError) as error:
        draw_digits(n, seed)
    assert str(error.value).startswith(line)
