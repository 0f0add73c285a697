"""Sets Theano up for this machine: import it before Theano.

    import theano_setup  # noqa: F401
    import theano

float32, OpenMP on every core, the BLAS that SciPy's wheel brings. What THEANO_FLAGS, .theanorc,
OMP_NUM_THREADS or OPENBLAS_NUM_THREADS already say is left as it is.
`python -m theano_setup` prints what was found, and a cure for what is wrong.
"""
import collections
import configparser
import contextlib
import glob
import hashlib
import importlib
import importlib.util
import io
import logging
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import types


def cores():
    """Number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def user_options():
    """The Theano options, names in lower case, that the user has set in THEANO_FLAGS or a .theanorc file."""
    options = {}
    rc = configparser.RawConfigParser()
    try:
        rc.read(os.path.expanduser(f) for f in os.environ.get('THEANORC', '~/.theanorc').split(os.pathsep))
    except (configparser.Error, UnicodeDecodeError):
        pass                                      # Theano itself reports a broken file, and better
    for section in rc.sections():
        options.update((name if section == 'global' else section + '.' + name, value) for name, value in rc.items(section))
    for flag in os.environ.get('THEANO_FLAGS', '').split(','):
        name, equals, value = flag.partition('=')
        if equals:
            options[name.strip().lower()] = value.strip()
    return options


def links(ldflags, compiler):
    """Does a shared library, which is what Theano makes of an Op, link with these flags?"""
    command = [compiler, '-shared', '-fPIC', '-x', 'c++', '-', '-o', os.devnull] + ldflags.split()
    with contextlib.suppress(OSError):
        return subprocess.run(command, input=b'', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def find_blas(compiler):
    """(linker flags, words on where they lead) of the best BLAS at hand: SciPy's, the system's, none."""
    scipy = importlib.util.find_spec('scipy')
    if scipy is None:
        raise SystemExit('no SciPy in %s: `make setup` installs it' % sys.prefix)
    scipy_dir = scipy.submodule_search_locations[0]
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
    for flags in ('-lopenblas', '-lblas', ''):
        if links(flags, compiler):
            words = "the system's: " + flags if flags else 'none: through NumPy, slower'
            print("# BLAS: %s (SciPy's was not found or does not link)" % words, file=sys.stderr)
            return flags, words
    raise SystemExit('%s cannot make a shared library, which Theano needs: is it whole, is there room in %s?'
                     % (compiler, os.environ.get('TMPDIR', '/tmp')))


def try_compile_folder(user):
    """Ends the script where Theano could not keep compiled code, whose own words would be long."""
    home = os.environ.get('HOME') or os.path.expanduser('~')
    if home == '~':
        raise SystemExit('no home folder, which Theano needs: set HOME')
    folder = os.path.expanduser(user.get('compiledir') or user.get('base_compiledir') or os.path.join(home, '.theano'))
    if '%' in folder:                             # in a .theanorc, to be completed by Theano
        return
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(1 << 20))            # about what an Op takes
            file.flush()
    except OSError as error:
        raise SystemExit('cannot write to %s, where Theano keeps compiled code: %s; for another folder, set '
                         'THEANO_FLAGS=base_compiledir=FOLDER' % (folder, error.strerror))


def set_up():
    """Puts our defaults before the user's own settings in THEANO_FLAGS; returns words on the BLAS."""
    if not (3, 8) <= sys.version_info[:2] <= (3, 11):
        raise SystemExit('Python %d.%d: Theano 1.0.5 runs on 3.8 to 3.11; `make setup` finds one' % sys.version_info[:2])
    if 'theano' in sys.modules:
        return 'as Theano was imported'
    # No number, 0, and the thousands that crash are as if nothing was set.
    if not re.fullmatch('0*[1-9][0-9]{0,2}', os.environ.get('OMP_NUM_THREADS', '')):
        os.environ['OMP_NUM_THREADS'] = str(cores())
    # Two pools of threads on the same cores are slower than one thread. OpenMP has the cores,
    # BLAS is called from within; one BLAS thread also makes the sums independent of their number.
    os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
    os.environ.setdefault('MKL_NUM_THREADS', '1')

    user = user_options()
    # Temporaries are kept: no page faults. A lock left by a killed process is waited for 24 times compile.wait.
    # No debugging symbols: a tenth of the compiling.
    defaults = {'floatX': 'float32', 'openmp': 'True', 'allow_gc': 'False', 'compile.wait': '1', 'gcc.cxxflags': '-g0'}
    if user.get('device', 'cpu') != 'cpu' and importlib.util.find_spec('pygpu') is None:
        raise SystemExit('device = %s in THEANO_FLAGS or .theanorc: must be cpu, as pygpu is not there' % user['device'])
    compiler = shutil.which(user.get('cxx', 'g++')) or 'cxx' not in user and shutil.which('clang++')
    if not compiler:
        raise SystemExit("cxx = '%s' in THEANO_FLAGS or .theanorc: must be a C++ compiler, such as g++" % user['cxx']
                         if 'cxx' in user else 'no C++ compiler (g++ or clang++), which Theano needs: '
                         'apt-get install g++, dnf install gcc-c++, or xcode-select --install')
    defaults['cxx'] = compiler
    if 'gcc.cxxflags' in user and not links(user['gcc.cxxflags'], compiler) and links('', compiler):
        raise SystemExit('gcc.cxxflags = %s in THEANO_FLAGS or .theanorc: must be options that %s takes'
                         % (user['gcc.cxxflags'], compiler))
    if not os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h')):
        raise SystemExit('no Python.h in %s, which Theano needs: apt-get install python%d.%d-dev, or dnf install '
                         'python3-devel' % ((sysconfig.get_paths()['include'],) + sys.version_info[:2]))
    blas = 'as set by the user'
    if 'blas.ldflags' not in user:
        defaults['blas.ldflags'], blas = find_blas(compiler)
    try_compile_folder(user)
    flags = ['%s=%s' % item for item in defaults.items() if item[0].lower() not in user]
    os.environ['THEANO_FLAGS'] = ','.join(flags + list(filter(None, [os.environ.get('THEANO_FLAGS')])))
    return blas


@contextlib.contextmanager
def less_to_import():
    """Saves two fifths of the time that importing Theano takes: two packages that it hardly uses.

    scipy.stats is imported when it is first used, as scipy itself sees to; Theano's distutils is Python's own, without
    the setuptools that would put a copy in its place. Afterwards both can be imported as ever.
    """
    hack, known = sys.modules.get('_distutils_hack'), set(sys.modules)
    stats = types.ModuleType('scipy.stats')
    sys.modules.setdefault('scipy.stats', stats)
    if hack:
        hack.remove_shim()
    try:
        yield
    finally:
        if sys.modules.get('scipy.stats') is stats:
            del sys.modules['scipy.stats']
        if hack:
            hack.add_shim()
            for name in set(sys.modules) - known:
                if name.split('.')[0] == 'distutils':
                    del sys.modules[name]


def import_theano():
    """Imports Theano; what stops it, such as a wrong value in THEANO_FLAGS, becomes one line."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), less_to_import():
            importlib.import_module('theano')
    except Exception as error:
        words = ' '.join(str(error).split()) or type(error).__name__
        raise SystemExit('Theano cannot be set up: %.500s' % words) from None
    if sys.modules['theano'].config.floatX == 'float16':
        raise SystemExit('floatX = float16 in THEANO_FLAGS or .theanorc: must be float32 or float64')


def stop_where_the_disk_is_full():
    """Makes a full disk, found while compiling, one line: of Theano, it is pages. Other errors are as ever."""
    from theano.gof.cmodule import ModuleCache
    compiled = ModuleCache.module_from_key

    def module_from_key(self, *args, **kwargs):
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                return compiled(self, *args, **kwargs)
        except Exception as error:
            for folder in theano.config.compiledir, os.environ.get('TMPDIR', '/tmp'):
                if os.path.isdir(folder) and shutil.disk_usage(folder).free < 2**24:
                    raise SystemExit('compiling failed: %s has less than 16 MB left' % folder) from None
            if isinstance(error, OSError):
                raise SystemExit('compiling failed: %s' % error) from None
            print(printed.getvalue(), end='')
            raise

    ModuleCache.module_from_key = module_from_key
    logging.getLogger('theano.gof.cmodule').addFilter(lambda record: 'No space left' not in record.getMessage())


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


def try_compiler_once():
    """Lets processes share what Theano tries before it compiles, such as that code for this CPU runs: 0.3 s of each.

    A file in the compile folder stands for what went well; what did not is tried again.
    """
    from theano.gof.cmodule import Compiler, gcc_version_str
    tried = Compiler._try_compile_tmp.__func__

    def try_compile_tmp(cls, src_code, tmp_prefix='', flags=(), try_run=False, output=False, compiler=None, comp_args=True):
        arguments = src_code, flags, try_run, output, compiler, comp_args and cls.compile_args()
        of = repr(arguments + (gcc_version_str,))
        path = os.path.join(theano.config.compiledir, 'tried-' + hashlib.sha256(of.encode()).hexdigest()[:16])
        well = (True, True) if try_run else True
        if not output and os.path.exists(path):
            return well
        result = tried(cls, src_code, tmp_prefix, flags, try_run, output, compiler, comp_args)
        if result == well:
            with contextlib.suppress(OSError):
                open(path, 'w').close()
        return result

    Compiler._try_compile_tmp = classmethod(try_compile_tmp)


def compile_headers_once():
    """Has GCC read the headers of Theano's C++ once: 40 % of the time to compile an Op is saved.

    Precompiled, they are kept in the compile folder, from the third Op on that a process compiles with the same
    flags. Where they cannot be made, Ops are compiled as ever.
    """
    import numpy
    from theano.gof import cmodule
    compile_str, include = cmodule.GCC_compiler.compile_str, cmodule.std_include_dirs
    used = collections.Counter()
    lines = '#include <Python.h>\n#include <iostream>\n#include "theano_mod_helper.h"\n'
    text = lines + '#include <math.h>\n#include <numpy/arrayobject.h>\n#include <numpy/arrayscalars.h>\n'

    def precompile(command, path):
        """Called by one process at a time, as Theano's compile lock has it."""
        with contextlib.suppress(OSError):
            with open(path, 'w') as file:
                file.write(text)
            done = subprocess.run(command + [path, '-o', path + '.part'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if done.returncode == 0:
                with open(path + '.part', 'rb') as file:
                    os.fsync(file.fileno())
                os.replace(path + '.part', path + '.gch')
            elif os.path.exists(path + '.part'):
                os.remove(path + '.part')

    def headers(flags):
        """Options for g++ that bring the headers in."""
        command = [theano.config.cxx, '-g', *flags, *('-I' + name for name in include()), '-fvisibility=hidden',
                   '-x', 'c++-header']
        of = repr((command, text, sys.version, numpy.__version__, theano.__version__, cmodule.gcc_version_str))
        path = os.path.join(theano.config.compiledir, 'headers-%s.h' % hashlib.sha256(of.encode()).hexdigest()[:16])
        used[path] += 1
        if used[path] == 3 and not os.path.exists(path + '.gch'):
            precompile(command, path)
        return ['-include', path] if os.path.exists(path + '.gch') else []

    def compile_with_headers(module_name, src_code, location=None, include_dirs=None, lib_dirs=None, libs=None,
                             preargs=None, *more, **named):
        options = headers(tuple(preargs)) if src_code.startswith(lines) else []
        if options:
            with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
                return compile_str(module_name, src_code, location, include_dirs, lib_dirs, libs, preargs + options, *more, **named)
            with contextlib.suppress(OSError):
                os.remove(options[1] + '.gch')          # it may be damaged
        return compile_str(module_name, src_code, location, include_dirs, lib_dirs, libs, preargs, *more, **named)

    if sys.platform == 'linux' and os.path.basename(theano.config.cxx).startswith('g++'):
        cmodule.GCC_compiler.compile_str = staticmethod(compile_with_headers)


blas_found = set_up()
import_theano()
import theano  # noqa: E402,F401
keep_compiled_code()
stop_where_the_disk_is_full()
try_compiler_once()
compile_headers_once()


def doctor():
    """Prints what was found, measures a GEMM, checks a convolution; returns the number of problems."""
    import timeit
    import numpy
    import scipy.signal
    import theano.tensor as T
    problems, config = [], theano.config
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
    gflops = 2.0 / sorted(timeit.repeat(gemm, number=1, repeat=10))[5]
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
