"""Data sets: which files, split, scaled."""
import os

import numpy as np
import pytest

from helpers_data import arrays, write_folder
import mnist


@pytest.mark.parametrize('pack', [False, True])
@pytest.mark.parametrize('shape, Xnch', [((5, 7), 1), ((3, 5, 7), 3)])
def test_a_folder_of_any_size_is_read_split_and_scaled(tmp_path, shape, Xnch, pack):
    X, t, XT, tT = arrays(shape)
    folder = write_folder(tmp_path, X, t, XT, tT, pack)
    data = mnist.load(folder, NL=40)
    assert (data.Xnch, data.Xrow, data.Xcol, data.K, data.source) == (Xnch, 5, 7, 3, folder)
    assert mnist.image_size(folder) == (Xnch, 5, 7)
    assert (len(data.tL), len(data.tV), len(data.tT)) == (40, 10, 12)
    for found, expected in ((data.XL, X[:40]), (data.XV, X[50:]), (data.XT, XT)):
        assert found.dtype == 'float32'
        np.testing.assert_allclose(found, expected.reshape(-1, Xnch, 5, 7) / 255, atol=1e-6)
    assert np.array_equal(data.tL, t[:40]) and np.array_equal(data.tV, t[50:]) and np.array_equal(data.tT, tT)


@pytest.mark.parametrize('change, words', [
    (lambda X, t, XT, tT: (X, t[:-1], XT, tT), '60 train images, but 59 labels'),
    (lambda X, t, XT, tT: (X, t, XT, tT[:-1]), '12 test images, but 11 labels'),
    (lambda X, t, XT, tT: (X, t, XT[:, :4], tT), 'train images are (1, 5, 7), test images (1, 4, 7)'),
    (lambda X, t, XT, tT: (X, t, XT, tT + 1), 'labels 0 to 2 to train, 1 to 3 to test'),
    (lambda X, t, XT, tT: (X, t * 0 + 7, XT, tT * 0), 'labels 7 to 7 to train, 0 to 0 to test: must be two classes'),
    (lambda X, t, XT, tT: (X[:5], t[:5], XT, tT), '5 train images: must be at least 6'),
    (lambda X, t, XT, tT: (X[:, 0, 0], t, XT, tT), 'train images have 1 dimensions'),
    (lambda X, t, XT, tT: (X[:50], t[:50], XT, tT), 'NL = 50: '),
])
def test_files_that_do_not_fit_together_are_refused(tmp_path, change, words):
    folder = write_folder(tmp_path, *change(*arrays()))
    with pytest.raises(mnist.DataError) as error:
        mnist.load(folder, NL=50)
    assert words in str(error.value) and folder in str(error.value) and '\n' not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    folder = write_folder(tmp_path, *arrays())
    os.remove(os.path.join(folder, 't10k-labels-idx1-ubyte'))
    with pytest.raises(mnist.DataError, match='has no t10k-labels'):
        mnist.load(folder)


@pytest.mark.parametrize('arguments, words', [
    (dict(data=None), 'data = None: '), (dict(data=5), 'data = 5: '), (dict(data=b'mnist'), "data = b'mnist': "),
    (dict(data=''), "data = '': "), (dict(data='a\0b'), "data = 'a\\x00b': "), (dict(data='x' * 5000), "data = 'xxx"),
    (dict(data=['mnist']), 'data = ['), (dict(data=np.zeros(3)), 'data = array('),
    (dict(NL=0), 'NL = 0: '), (dict(NL=-1), 'NL = -1: '), (dict(NL=2.5), 'NL = 2.5: '), (dict(NL='50'), "NL = '50': "),
    (dict(NL=True), 'NL = True: '), (dict(NL=float('nan')), 'NL = nan: '), (dict(NL=None), 'NL = None: '),
    (dict(NL=10**20), 'NL = 100000000000000000000: '),
    (dict(NV=-1), 'NV = -1: '), (dict(NV=True), 'NV = True: '),
    (dict(seed=-1), 'seed = -1: '), (dict(seed=2**32), 'seed = 42949'),
    (dict(seed='0'), "seed = '0': "),
])
def test_wrong_arguments_of_load_are_named(tmp_path, arguments, words):
    folder = write_folder(tmp_path, *arrays())
    with pytest.raises(mnist.DataError) as error:
        mnist.load(**{**dict(data=folder, NL=50), **arguments})
    assert str(error.value).startswith(words) and len(str(error.value)) < 500


def test_numpy_integers_and_paths_will_do(tmp_path):
    folder = write_folder(tmp_path, *arrays())
    data = mnist.load(tmp_path, NL=np.int16(50))
    assert data.source == folder and data.XL.shape == (50, 1, 5, 7)


@pytest.mark.parametrize('change, words', [
    (lambda X, t, XT, tT: (X / 255., t, XT, tT), r'train images are floats from 0 to 1: must be pixels from 0 to 255'),
    (lambda X, t, XT, tT: (X, t, XT / 255., tT), r'test images are floats from 0.00392 to 1'),
    (lambda X, t, XT, tT: (X - 128., t, XT, tT), r'train images\[\d+, \d, \d\] = -\d+.0: must be from 0 to 255'),
    (lambda X, t, XT, tT: (spoilt(X, np.nan), t, XT, tT), r'train images\[7, 3, 4\] = nan: must be from 0 to 255'),
    (lambda X, t, XT, tT: (X, t, spoilt(XT, np.inf), tT), r'test images\[7, 3, 4\] = inf: must be from 0 to 255'),
    (lambda X, t, XT, tT: (X.astype(int) * 256, t, XT, tT), r'train images\[.*\] = \d+: must be from 0 to 255'),
    (lambda X, t, XT, tT: (X > 128, t, XT, tT), r'train images are of dtype bool: must be numbers'),
    (lambda X, t, XT, tT: (X, t.astype(int) - 1, XT, tT), r'train labels\[0\] = -1: must be from 0 to 65535'),
    (lambda X, t, XT, tT: (X, t, XT, tT.astype(int) + 10**6), r'test labels\[0\] = 1000000: must be from 0 to 65535'),
    (lambda X, t, XT, tT: (X, t / 1., XT, tT), r'train labels are of dtype float64: must be integers'),
    (lambda X, t, XT, tT: (X, np.eye(3)[t], XT, tT), r'train images have 3 dimensions, labels 2'),
    (lambda X, t, XT, tT: (X, t[:-1], XT, tT), r'60 train images, but 59 labels'),
    (lambda X, t, XT, tT: (X, t, XT[:0], tT[:0]), r'test images are of shape \(0, 5, 7\)'),
    (lambda X, t, XT, tT: (X, t, XT), r'3 arrays: must be 4'),
])
def test_arrays_of_ones_own_that_are_not_right_are_refused_by_name(change, words):
    with pytest.raises(ValueError, match='^mine: ' + words) as error:
        mnist.split(change(*arrays()), 'mine', 50)
    assert '\n' not in str(error.value) and error.value.status == 2


def spoilt(A, value):
    A = A.astype('float64')
    A[7, 3, 4] = value
    return A


@pytest.mark.parametrize('dtype', ['int64', 'float32', 'float64'])
def test_arrays_of_ones_own_may_be_of_any_dtype_or_lists(dtype):
    X, t, XT, tT = arrays()
    expected = mnist.split([X, t, XT, tT], 'mine', 50)
    found = mnist.split([X.astype(dtype), t.tolist(), XT.astype(dtype), tT.astype('int64')], 'mine', 50)
    for a, b in zip(expected, found):
        np.testing.assert_array_equal(a, b)
        assert getattr(a, 'dtype', None) == getattr(b, 'dtype', None)


SORTED = 'the training file is sorted by label: trains on class 0, 1, 2, validates on class '


@pytest.mark.parametrize('change, line', [
    (lambda X, t: (X, t), ''),
    (lambda X, t: (X, np.where(t < 2, t, np.arange(60) // 50 * 2)), 'no example to train of class 2'),
    (lambda X, t: (X, np.sort(t)), SORTED + '2'),
    (lambda X, t: (X, np.sort(t)[::-1]), SORTED + '0'),
    (lambda X, t: (X, t + 1), 'labels begin at 1: K = 4 is 1 too large, as no example is of a class below'),
    (lambda X, t: (X.reshape(60, 5, 7, 1).repeat(3, 3), t),
     'images of 5 x 7 x 3 are taken as 5 channels of 7 x 3 pixels: are the channels last?'),
])
def test_what_is_suspicious_is_a_line_on_stderr(capsys, change, line):
    X, t, _, _ = arrays()
    X, t = change(X, t)
    mnist.split([X, t, X[:5], t[:5]], 'mine', 50)
    out, err = capsys.readouterr()
    assert (out, err) == ('', line and '# mine: %s\n' % line)


def test_a_sorted_file_of_which_all_is_trained_on_is_told(capsys):
    X, t, _, _ = arrays()
    mnist.split([X, np.sort(t), X[:5], t[:5]], 'mine', 20, 0)
    assert capsys.readouterr().err == '# mine: the training file is sorted by label: trains on class 0\n'


def test_drawn_digits_are_counted_before_they_are_drawn(monkeypatch):
    monkeypatch.setattr('datasets.drawn_digits.draw_digits', lambda *_: pytest.fail('drawn'))
    with pytest.raises(mnist.DataError, match='NL = 60000: drawn digits, not MNIST has 50000 examples to train'):
        mnist.load('drawn', NL=60000)


def test_the_examples_to_validate_can_be_had_in_any_number(tmp_path):
    X, t, XT, tT = arrays()
    folder = write_folder(tmp_path, X, t, XT, tT)
    for NV in (0, 1, 20):
        data = mnist.load(folder, NL=40, NV=NV)
        assert np.array_equal(data.tV, t[60 - NV:]) and len(data.XL) == 40
        assert data.XV is None if NV == 0 else len(data.XV) == NV
    with pytest.raises(mnist.DataError, match='NL = 40: .* has 39 examples to train'):
        mnist.load(folder, NL=40, NV=21)
    with pytest.raises(mnist.DataError, match='NV = 60: .* has 60 train images: must be less'):
        mnist.load(folder, NL=1, NV=60)


def test_data_are_three_lines_at_the_prompt(tmp_path):
    data = mnist.load(write_folder(tmp_path, *arrays((3, 5, 7))), NL=40)._replace(source='mine')
    assert repr(data) == '40 examples to train, 10 to validate, 12 to test\n3 x 5 x 7 pixels, 3 classes\nmine'


def test_real_mnist_is_split_50000_10000_10000(real_mnist):
    data = real_mnist
    assert [len(t) for t in (data.tL, data.tV, data.tT)] == [50000, 10000, 10000]
    assert data.XL.shape == (50000, 1, 28, 28) and data.K == 10
    assert data.XL.min() == 0 and data.XL.max() == 1
    assert data.XL.mean(dtype='float64') == pytest.approx(0.1307, abs=5e-4)         # of all 60000: 0.1307, as is known
    assert np.bincount(data.tT).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
