"""Small data sets in IDX files, for tests."""
import gzip
import struct

import numpy as np

NAMES = 'train-images-idx%d-ubyte', 'train-labels-idx%d-ubyte', 't10k-images-idx%d-ubyte', 't10k-labels-idx%d-ubyte'


def idx_bytes(array):
    """The bytes of an IDX file of an array: unsigned bytes, or else 32-bit integers."""
    kind, dtype = (0x08, 'u1') if array.dtype == 'uint8' else (0x0c, '>i4')
    head = bytes([0, 0, kind, array.ndim]) + struct.pack('>%dI' % array.ndim, *array.shape)
    return head + array.astype(dtype).tobytes()


def write_folder(folder, X, t, XT, tT, pack=False, names=NAMES):
    """Writes images and labels, to train and to test, into a folder, as files of these names; returns the folder's."""
    for name, array in zip(names, (X, t, XT, tT)):
        path, content = folder / (name % array.ndim + ('.gz' if pack else '')), idx_bytes(array)
        path.write_bytes(gzip.compress(content, mtime=0) if pack else content)
    return str(folder)


def arrays(shape=(5, 7), K=3, NL=60, NT=12, seed=0):
    """Images of noise and labels 0, 1, ..., K - 1, 0, ..., to train and to test."""
    rng = np.random.RandomState(seed)
    draw = [rng.randint(256, size=(n,) + shape).astype('uint8') for n in (NL, NT)]
    labels = [(np.arange(n) % K).astype('uint8') for n in (NL, NT)]
    return draw[0], labels[0], draw[1], labels[1]
