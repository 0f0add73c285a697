"""The four IDX files of a data set, found in a folder under any of their published names, and read.

MNIST, Fashion-MNIST, K-MNIST   train-images-idx3-ubyte, ..., t10k-labels-idx1-ubyte; Kaggle's copies: .idx3-ubyte
EMNIST                          emnist-letters-train-images-idx3-ubyte, ...: transposed images, six sets in a folder
QMNIST                          qmnist-train-images-idx3-ubyte, ..., qmnist-test-labels-idx2-int
"""
import os
import re

from datasets.idx import DataError, read_idx

PARTS = 'train-images', 'train-labels', 't10k-images', 't10k-labels'
NAME = re.compile(r'(emnist-\w+-|qmnist-|)(train|test|t10k)-(images|labels)[-.]idx\d-(?:ubyte|int)(?:\.gz)?')


def data_sets(folder):
    """The data sets in a folder: from '', 'qmnist-', 'emnist-letters-', ... to paths by PARTS. Raises OSError."""
    found = {}
    for name in sorted(os.listdir(folder)):
        match = NAME.fullmatch(name)
        if match:
            prefix, half, what = match.groups()
            path = os.path.join(folder, name)
            wrapped = os.path.isdir(path)                   # Kaggle's copies: a folder named as the file that it holds
            if wrapped and os.path.lexists(os.path.join(path, name)):
                path = os.path.join(path, name)
            part = '%s-%s' % (half.replace('test', 't10k'), what)
            found.setdefault(prefix, {}).setdefault(part, []).append((wrapped, path))
    return {prefix: {part: min(paths)[1] for part, paths in parts.items()} for prefix, parts in found.items()}


def sets_of(data):
    """What data_sets() has of a folder, or of FOLDER/emnist-letters; empty where there is neither. Raises OSError."""
    if os.path.isdir(data):
        return data_sets(data)
    folder, name = os.path.split(os.fspath(data))
    try:
        sets = data_sets(folder or '.')
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {prefix: sets[prefix] for prefix in sets if prefix and prefix == name + '-'}


def is_data(value):
    """Whether value is a folder, or names a data set in one; True where that cannot be told, which find() then says."""
    try:
        return isinstance(value, str) and '\0' not in value and (os.path.isdir(value) or bool(sets_of(value)))
    except OSError:
        return True


def find(data):
    """Paths of the four files, in the order of PARTS, of a folder or FOLDER/emnist-letters. Raises DataError."""
    if not isinstance(data, (str, os.PathLike)):
        raise DataError('data = %.200r: must be the name of a data set or a folder' % (data,))
    try:
        if not is_data(os.fspath(data)):
            raise DataError("data = %.200r: must be 'auto', 'mnist', 'drawn' or a folder of IDX files" % (data,))
        sets = sets_of(data)
    except OSError as error:
        raise DataError('%.200s: %s' % (data, error.strerror))
    fullest = max(map(len, sets.values()), default=0)
    candidates = [prefix for prefix in sets if len(sets[prefix]) == fullest] or ['']
    if len(candidates) > 1:
        raise DataError('%s: holds %d data sets: must be one, such as %s' % (
            data, len(candidates), os.path.join(data, candidates[-1].rstrip('-'))))
    prefix, paths = candidates[0], sets.get(candidates[0], {})
    for part in PARTS:
        if part not in paths:
            raise DataError('%s: has no %s%s-idx?-ubyte or .gz of it' % (
                data, prefix, part.replace('t10k', 'test') if prefix else part))
    return [paths[part] for part in PARTS]


def read(path, header_only=False):
    """The images or labels in an IDX file; their shape if header_only. Raises DataError.

    EMNIST's images are set upright; of QMNIST's columns, the first has the labels.
    """
    found, name = read_idx(path, header_only=header_only), os.path.basename(path)
    if 'labels' in name and 'idx2-int' in name:
        return found[:1] if header_only else found[:, 0]
    if name.startswith('emnist-') and 'images-idx3' in name:
        return (found[0], found[2], found[1]) if header_only else found.transpose(0, 2, 1)
    return found
