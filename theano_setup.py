"""Sets Theano up for this machine: import it before Theano.

    import theano_setup  # noqa: F401
    import theano

float32, OpenMP on every core, the BLAS that SciPy's wheel brings. What THEANO_FLAGS, .theanorc,
OMP_NUM_THREADS or OPENBLAS_NUM_THREADS already say is left as it is.
`python -m theano_setup` prints what was found, and a cure for what is wrong.
"""
import configparser
import glob
import hashlib
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig


def cores():
    """Number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def user_options():
    """Names, in lower case, of the Theano options that the user has set in THEANO_FLAGS or a .theanorc file."""
    names = {flag.split('=')[0].strip().lower() for flag in os.environ.get('THEANO_FLAGS', '').split(',')}
    rc = configparser.RawConfigParser()
    try:
        rc.read(os.path.expanduser(f) for f in os.environ.get('THEANORC', '~/.theanorc').split(os.pathsep))
    except (configparser.Error, UnicodeDecodeError):
        pass                                      # Theano itself reports a broken file, and better
    for section in rc.sections():
        names |= {name if section == 'global' else section + '.' + name for name in rc.options(section)}
    return names


def links(ldflags, compiler):
    """Does a shared library, which is what Theano makes of an Op, link with these flags?"""
    return subprocess.run([compiler, '-shared', '-fPIC', '-x', 'c++', '-', '-o', os.devnull] + ldflags.split(),
                          input=b'', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def find_blas(compiler):
    """(linker flags, words on where they lead) of the best BLAS at hand: SciPy's, the system's, none."""
    scipy_dir = importlib.util.find_spec('scipy').submodule_search_locations[0]
    for pattern in ('../scipy.libs/libopenblas*.so', '.dylibs/libopenblas*.dylib'):
        for path in glob.glob(os.path.join(glob.escape(scipy_dir), pattern)):
            path = os.path.realpath(path)
            folder, name = os.path.split(path)
            library = '-l' + os.path.splitext(name)[0][len('lib'):]
            if len(path.split()) > 1 or set(path) & set(',\'"#\\'):
                # Theano cannot carry such a path in its flags: let the compiler find the file by its
                # environment, and the loader by its being loaded already.
                os.environ['LIBRARY_PATH'] = folder + os.pathsep + os.environ.get('LIBRARY_PATH', '')
                importlib.import_module('scipy.linalg')
                flags = library
            else:
                flags = '-L%s %s' % (folder, library)       # Theano adds the rpath to every -L
            if links(flags, compiler):
                return flags, 'the one inside SciPy: ' + path
    for flags in ('-lopenblas', '-lblas'):
        if links(flags, compiler):
            return flags, "the system's: " + flags
    return '', 'none: through NumPy, slower'


def set_up():
    """Puts our defaults before the user's own settings in THEANO_FLAGS; returns words on the BLAS."""
    if not (3, 8) <= sys.version_info[:2] <= (3, 11):
        raise SystemExit('Python %d.%d: Theano 1.0.5 runs on 3.8 to 3.11; `make setup` finds one of them'
                         % sys.version_info[:2])
    if 'theano' in sys.modules:
        return 'as Theano was imported'
    if not os.environ.get('OMP_NUM_THREADS', '').isdigit() or int(os.environ['OMP_NUM_THREADS']) == 0:
        os.environ['OMP_NUM_THREADS'] = str(cores())
    # Two pools of threads on the same cores are slower than one thread. OpenMP has the cores,
    # BLAS is called from within; one BLAS thread also makes the sums independent of their number.
    os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
    os.environ.setdefault('MKL_NUM_THREADS', '1')

    user = user_options()
    defaults = {'floatX': 'float32', 'openmp': 'True', 'allow_gc': 'False'}   # keep temporaries: no page faults
    compiler = shutil.which('g++') or shutil.which('clang++')
    blas = 'as set by the user'
    if 'cxx' not in user:
        if compiler is None:
            raise SystemExit('no C++ compiler (g++ or clang++), which Theano needs: apt-get install g++, '
                             'dnf install gcc-c++, or xcode-select --install')
        defaults['cxx'] = compiler
        if not os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h')):
            raise SystemExit('no Python.h in %s, which Theano needs: apt-get install python%d.%d-dev, or dnf install '
                             'python3-devel' % ((sysconfig.get_paths()['include'],) + sys.version_info[:2]))
    if 'blas.ldflags' not in user:
        defaults['blas.ldflags'], blas = find_blas(compiler) if compiler else ('', 'none: no compiler')
        if not blas.startswith('the one inside SciPy'):
            print("# BLAS: %s (SciPy's was not found or does not link)" % blas, file=sys.stderr)
    flags = ['%s=%s' % item for item in defaults.items() if item[0].lower() not in user]
    os.environ['THEANO_FLAGS'] = ','.join(flags + list(filter(None, [os.environ.get('THEANO_FLAGS')])))
    return blas


def keep_compiled_code():
    """Lets processes share two kinds of Ops that Theano 1.0.5 compiles anew in each of them.

    COp versions its C code by hash(), which Python draws anew for strings. CLinker takes the empty
    __props__ of Ops such as Dot22 for an unknown version, though the Op is in the key as it stands.
    """
    from theano.gof.cc import CLinker
    from theano.gof.op import COp
    key_of, version_of = CLinker.cmodule_key_, COp.c_code_cache_version

    def cmodule_key_(self, fgraph, *args, **kwargs):
        key = key_of(self, fgraph, *args, **kwargs)
        if key is None or key[0]:
            return key
        versions = [node.op.c_code_cache_version_apply(node) for node in self.schedule(fgraph)]
        versions += [v.type.c_code_cache_version() for node in fgraph.apply_nodes for v in node.inputs + node.outputs]
        return (tuple(versions) if all(versions) else (), key[1])

    def c_code_cache_version(self):
        digest = hashlib.sha256('\0'.join(self.func_codes).encode()).hexdigest()
        return (digest,) + version_of(self)[1:]

    CLinker.cmodule_key_, COp.c_code_cache_version = cmodule_key_, c_code_cache_version


blas_found = set_up()
import theano  # noqa: E402,F401
keep_compiled_code()


def doctor():
    """Prints what was found, measures a GEMM, checks a convolution; returns the number of problems."""
    import time
    import numpy
    import scipy.signal
    import theano.tensor as T
    problems = []
    config = theano.config
    version = subprocess.run([config.cxx, '--version'], stdout=subprocess.PIPE).stdout.decode().split('\n')[0]
    print('Python    %s (%s)' % (sys.version.split()[0], sys.executable))
    print('packages  theano %s, numpy %s, scipy %s' % (theano.__version__, numpy.__version__, scipy.__version__))
    print('compiler  %s, %s' % (config.cxx, version))
    print('compiled  to %s' % config.compiledir)
    print('BLAS      %s' % blas_found)
    print('threads   %s OpenMP (on: %s), %s BLAS, %d cores' % (os.environ['OMP_NUM_THREADS'], config.openmp,
                                                            os.environ['OPENBLAS_NUM_THREADS'], cores()))
    print('floatX    %s' % config.floatX)

    A = theano.shared(numpy.random.RandomState(0).normal(size=(1000, 1000)).astype(config.floatX))
    gemm = theano.function([], T.dot(A, A).sum())
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        gemm()
        seconds.append(time.perf_counter() - start)
    gflops = 2.0 / sorted(seconds)[len(seconds) // 2]
    print('GEMM      %.0f GFLOP/s (1000 x 1000, %s, median of 10)' % (gflops, config.floatX))
    if gflops < 5:
        problems.append('GEMM is slow: reinstall SciPy from its wheel (make clean setup), or set blas.ldflags')

    rng = numpy.random.RandomState(1)
    X = rng.normal(size=(2, 3, 9, 11)).astype(config.floatX)
    W = rng.normal(size=(4, 3, 2, 5)).astype(config.floatX)
    Y = T.nnet.conv2d(theano.shared(X), theano.shared(W)).eval()
    expected = [[sum(scipy.signal.convolve2d(x[c], w[c], 'valid') for c in range(3)) for w in W] for x in X]
    error = abs(Y - numpy.array(expected)).max()
    print('conv2d    differs from SciPy by %.1e' % error)
    if not error < 1e-4:
        problems.append('conv2d is wrong: remove %s and try again' % config.compiledir)
    if config.floatX != 'float32':
        problems.append('floatX = %s: twice the work of float32; remove it from THEANO_FLAGS and .theanorc' % config.floatX)
    for problem in problems:
        print('PROBLEM   ' + problem)
    print('all is well' if not problems else '%d problem(s)' % len(problems))
    return len(problems)


if __name__ == '__main__':
    sys.exit(min(doctor(), 1))
