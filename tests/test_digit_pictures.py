"""Digits found in pictures of every kind that people bring, against the images that the pictures were made of."""
import numpy as np
import pytest
from scipy import ndimage

from conftest import amount
from datasets.drawn_digits import draw_digits
import digit_pictures
from digit_pictures import NoDigit, find_digits, like_mnist
import helpers_pictures as kinds


@pytest.fixture(scope='module')
def digits():
    return draw_digits(40, 3)[0] / 255.


def likeness(picture, digit):
    """The correlation of what is made of a picture with the digit it shows; -1 unless it is seen to show one."""
    try:
        found = find_digits(picture)
    except NoDigit:
        return -1
    return correlation(found[0], digit) if len(found) == 1 else -1


def correlation(ink, digit):
    """Of the images that are made of ink and of a digit; the width of the pen is nearly left out of it."""
    images = [ndimage.gaussian_filter(like_mnist(A, 28, 28), 1).ravel() for A in (ink, digit)]
    return np.corrcoef(images)[0, 1]


@pytest.mark.parametrize('kind', kinds.KINDS + kinds.MORE, ids=lambda kind: kind.__name__)
def test_digits_are_found_whatever_the_light_and_the_paper(digits, kind):
    """Of 40, at least 38 come to be like the image they were made of; on a dark table 34."""
    rng, n = np.random.RandomState(1), amount(7, 40)
    alike = [likeness(kind(digit, rng), digit) > 0.9 for digit in digits[:n]]
    assert sum(alike) >= n * (0.85 if kind is kinds.table else 0.95) - 0.7, alike


@pytest.mark.parametrize('kind', [k for k in kinds.KINDS if k is not kinds.speck], ids=lambda kind: kind.__name__)
def test_a_blank_page_is_no_digit(kind):
    rng = np.random.RandomState(2)
    for _ in range(amount(2, 20)):
        with pytest.raises(NoDigit):
            find_digits(kind(np.zeros((28, 28)), rng))


@pytest.mark.parametrize('contrast, noise', [(0, 0), (3, 0), (6, 2), (10, 15)])
def test_too_little_contrast_is_said(digits, contrast, noise):
    rng = np.random.RandomState(3)
    with pytest.raises(NoDigit, match='one grey level only|the contrast is .* %: must be 4|nothing stands out'):
        find_digits(kinds.drawn(kinds.ink_on_sheet(digits[0], rng), rng, 220, 220 - contrast, noise))


@pytest.mark.parametrize('axis', [0, 1])
def test_two_digits_are_two(digits, axis):
    """Side by side, from left to right, or one above the other: each like the image it was made of."""
    rng, n, right = np.random.RandomState(4), amount(7, 40), 0
    for a, b in zip(digits[:n], digits[1:n + 1]):
        sheet = np.zeros((500, 500))
        for place, digit in ((70, a), (270, b)):
            at = (150, place) if axis == 1 else (place, 150)
            sheet[at[0]:at[0] + 168, at[1]:at[1] + 168] = ndimage.zoom(digit, 6, order=1)
        found = find_digits(kinds.drawn(sheet, rng))
        right += len(found) == 2 and (axis == 0 or correlation(found[0], a) > 0.9 and correlation(found[1], b) > 0.9)
    assert right >= 0.95 * n - 0.7


def test_otsu_parts_classes_with_the_least_variance_within():
    values = np.random.RandomState(0).choice([1., 1.2, 3., 3.1, 3.3], 500)

    def within(threshold):
        return sum(part.size * part.var() for part in (values[values <= threshold], values[values > threshold]))
    assert within(digit_pictures.otsu(values)) == min(within(threshold) for threshold in (1, 1.2, 3, 3.1))


def test_averages_are_those_of_a_picture_repeated():
    """Averaging over old / new pixels, where that is whole, is the mean of blocks; else of pixels cut in pieces."""
    rows = np.random.RandomState(0).rand(12)
    assert digit_pictures.averages(4, 12).dot(rows) == pytest.approx(rows.reshape(4, 3).mean(1))
    assert digit_pictures.averages(5, 12).dot(rows) == pytest.approx(np.repeat(rows, 5).reshape(5, 12).mean(1))
    assert digit_pictures.averages(24, 12).dot(rows) == pytest.approx(np.repeat(rows, 2))


def test_images_are_like_mnists(real_mnist):
    """20 pixels at the longer side, and the centre of mass where MNIST has it: made of its own images, they stay."""
    X = real_mnist.XT[:200, 0]
    images = [like_mnist(np.kron(np.pad(x, 5), np.ones((3, 3))), 28, 28) for x in X]
    assert np.max(images) == 1 and np.min(images) == 0
    longer = [max(np.ptp(np.nonzero(image > 0.1), axis=1) + 1) for image in images]
    assert 19 <= min(longer) and max(longer) <= 20
    middles, theirs = ([ndimage.center_of_mass(x) for x in A] for A in (images, X))
    assert np.mean(middles, axis=0) == pytest.approx(np.mean(theirs, axis=0), abs=0.1)
    assert np.abs(np.subtract(middles, theirs)).max() < 1.1


@pytest.mark.parametrize('ink, paper', [(255, 0), (0, 255), (40, 200), (60000, 100), (-0.5, 0.5)])
def test_scale_and_polarity_do_not_matter(digits, ink, paper):
    sheet = np.zeros((200, 300))
    sheet[30:114, 100:184] = ndimage.zoom(digits[1], 3, order=1)
    assert likeness(paper + (ink - paper) * sheet, digits[1]) > 0.95


def test_an_image_like_mnists_is_found_in_itself(digits):
    assert np.mean([likeness(digit, digit) > 0.95 for digit in digits]) >= 0.95
