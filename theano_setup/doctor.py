"""What Theano runs on here, what is patched and why, and what is wrong. Run by `python -m theano_setup`."""
import os
import subprocess
import sys
import timeit

from theano_setup import blas, environment, loading


def examine():
    """Prints what was found, measures a GEMM, checks a convolution; returns the number of problems."""
    print('Python    %s (%s)' % (sys.version.split()[0], sys.executable))
    environment.set_threads()
    problems = list(environment.problems())
    if not problems:
        problems = list(examine_theano())
    for problem in problems:
        print('PROBLEM   %s: %s' % problem)
    print('all is well' if not problems else '%d problem(s)' % len(problems))
    return len(problems)


def examine_theano():
    """The problems seen with Theano at work."""
    described = 'as set by the user' if 'blas.ldflags' in environment.user_options() else \
        blas.find(environment.compiler(), environment.compile_folder())[1]
    from theano_setup import theano
    import numpy as np
    import scipy.signal
    import theano.tensor as T
    config = theano.config
    version = subprocess.run([config.cxx, '--version'], stdout=subprocess.PIPE).stdout.decode().split('\n')[0]
    print('packages  theano %s, numpy %s, scipy %s' % (theano.__version__, np.__version__, scipy.__version__))
    print('compiler  %s, %s' % (config.cxx, version))
    print('compiled  to %s' % config.compiledir)
    print('BLAS      %s' % described)
    print('threads   %s OpenMP (on: %s), %s BLAS, %d cores' % (
        os.environ['OMP_NUM_THREADS'], config.openmp, os.environ['OPENBLAS_NUM_THREADS'], environment.cores()))
    print('floatX    %s' % config.floatX)
    for patch in loading.patches():
        print('patched   %s: %s' % (patch.__name__.split('.')[-1], patch.__doc__.split('\n')[0]))

    A = theano.shared(np.random.RandomState(0).normal(size=(1000, 1000)).astype(config.floatX))
    gemm = theano.function([], T.dot(A, A).sum())
    gflops = 2.0 / min(timeit.repeat(gemm, number=1, repeat=10))
    print('GEMM      %.0f GFLOP/s (1000 x 1000, %s, best of 10)' % (gflops, config.floatX))
    if gflops < 5:
        yield environment.Problem(
            'GEMM is slow', 'reinstall SciPy from its wheel (make clean setup), or set blas.ldflags')

    rng = np.random.RandomState(1)
    X = rng.normal(size=(2, 3, 9, 11)).astype(config.floatX)
    W = rng.normal(size=(4, 3, 2, 5)).astype(config.floatX)
    Y = T.nnet.conv2d(theano.shared(X), theano.shared(W)).eval()
    expected = [[sum(scipy.signal.convolve2d(x[c], w[c], 'valid') for c in range(3)) for w in W] for x in X]
    error = abs(Y - np.array(expected)).max()
    print('conv2d    differs from SciPy by %.1e' % error)
    if not error < 1e-4:
        yield environment.Problem('conv2d is wrong', 'remove %s and try again' % config.compiledir)
    if config.floatX != 'float32':
        yield environment.Problem('floatX = %s: twice the work of float32' % config.floatX,
                                  'remove it from THEANO_FLAGS and .theanorc')
