"""Logs for tests: the article's printed lines, and such as the scripts print."""
import gzip
import json

# The article's lines, as it gives them.
ARTICLE_16_DS2 = '''\
In [2]: %time %run mnist_convnet0207.py
### 2-layer convnet
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (2, 2) H: 2304
# H: 2304
### training: NL = 50000 NV = 10000 K = 10 batchsize = 100
0 2.30414773606 90.966 90.73
10 0.0379495452887 1.21 1.97
20 0.021452008206 0.654 1.83
30 0.0169548339162 0.58 2.07
40 0.00591079987465 0.144 1.87
50 0.0018925089269 0.018 1.91
# NT = 10000
50 0.0855781332512 0.018 1.91 1.81
CPU times: user 30min 38s, sys: 19 s, total: 30min 57s
Wall time: 30min 24s
'''
ARTICLE_64_DS4 = '''\
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 64 ds1: (4, 4) H: 2304
中略
50 0.0471418802848 0.034 1.16 1.38
CPU times: user 1h 49min, sys: 2min 9s, total: 1h 51min 10s
Wall time: 1h 50min 42s
'''
ARTICLE_RELU = '''\
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (4, 4) H: 576
中略
50 0.0536758042328 0.414 1.4 1.42
'''
ARTICLE_CONV_CONV = '''\
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (4, 4) H1: 576
# W2dim: (5, 5) W2nch: 16 ds2: (4, 4) H2: 16
中略
50 0.069687151596 0.0 1.34 1.28
CPU times: user 52min 11s, sys: 1min 58s, total: 54min 9s
Wall time: 54min 9s
'''
ARTICLE_FULL400 = '''\
### 3-layer\x20
# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: 16 ds1: (4, 4) H1: 576
# H2: 400
### training: NL = 50000 NV = 10000 K = 10 batchsize = 100
0 2.30465530719 90.468 90.71
10 0.0105110151366 0.29 1.18
20 0.001184633703 0.012 0.96
30 0.000609231586144 0.008 0.99
40 0.000216548649597 0.0 0.92
50 0.000150985761616 0.0 0.93
# NT = 10000
50 0.0332950428917 0.0 0.93 0.78
CPU times: user 29min 35s, sys: 20.6 s, total: 29min 56s
Wall time: 27min 18s
'''


def printed(test, seed=0, valid=2.0, train=0.5, data='MNIST', NT=10000, run=None, W1nch=16, settings=None,
            batchsize=100, NV=10000):
    """A log of two epochs as the scripts print it; with run, one of a trial; with test None, one that was stopped."""
    first, valid = ('90.42', valid) if NV else ('nan', float('nan'))
    lines = ['# data: %s' % data] + ['# seed: %s theano: 1.0.5 numpy: 1.23.5' % seed] * (seed is not None)
    lines += ['# settings: %s' % settings] * (settings is not None) + [
        '### 2-layer convnet', '# Xdim: (28, 28) Xnch: 1 W1dim: (5, 5) W1nch: %d ds1: (2, 2) H: 2304' % W1nch,
        '# H: 2304',
        '### training: NL = 50000 NV = %d K = 10 batchsize = %d' % (NV, batchsize),
        '0 2.30130529881 90.11 %s' % first, '1 0.125 %r %r' % (train, valid)]
    if test is not None:
        lines += ['# NT = %d' % NT, '1 0.145825453382 %r %r %r' % (train, valid, test)]
        lines += ['# data: %s' % data] * ('not MNIST' in data)
    if run:
        lines += ['# run: %s' % run, '# hyperparameters: %s' % json.dumps({'W1nch': W1nch, 'seed': seed}),
                  '# versions: python 3.11.9', '# machine: 2 cores', '# threads: 1 wall time: 39.7 s']
    return '\n'.join(lines) + '\n'


def save(folder, name, text):
    """Writes a text to a file in the folder, packed where its name ends with .gz; returns the path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith('.gz') else text.encode())
    return str(path)
