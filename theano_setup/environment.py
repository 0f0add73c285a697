"""What Theano needs of this machine: CHECKS, each of which gives a problem and its cure, and the settings chosen."""
import collections
import configparser
import functools
import importlib.util
import os
import re
import shutil
import sys
import sysconfig
import tempfile

from theano_setup import blas

Problem = collections.namedtuple('Problem', 'problem cure')
OLDEST, NEWEST = (3, 8), (3, 14)


def cores():
    """Number of cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


@functools.lru_cache(maxsize=None)
def read_options(flags, rc_files):
    options = {}
    rc = configparser.RawConfigParser()
    try:
        rc.read(rc_files)
    except (configparser.Error, UnicodeDecodeError):
        pass                                      # Theano itself reports a broken file, and better
    for section in rc.sections():
        prefix = '' if section == 'global' else section + '.'
        options.update((prefix + name, value) for name, value in rc.items(section))
    for flag in flags.split(','):
        name, equals, value = flag.partition('=')
        if equals:
            options[name.strip().lower()] = value.strip()
    return options


def user_options():
    """The Theano options, names in lower case, that the user has set in THEANO_FLAGS or a .theanorc file."""
    rc_files = os.environ.get('THEANORC', '~/.theanorc').split(os.pathsep)
    return read_options(os.environ.get('THEANO_FLAGS', ''), tuple(map(os.path.expanduser, rc_files)))


def compiler():
    """Path of the C++ compiler that Theano is to use, or None."""
    user = user_options()
    return shutil.which(user.get('cxx', 'g++')) or (None if 'cxx' in user else shutil.which('clang++'))


def compile_folder():
    """Where Theano keeps compiled code; it begins with '~' where there is no home."""
    user, home = user_options(), os.environ.get('HOME') or os.path.expanduser('~')
    return os.path.expanduser(user.get('compiledir') or user.get('base_compiledir') or os.path.join(home, '.theano'))


def python_version():
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return Problem('Python %d.%d' % sys.version_info[:2],
                       'Theano 1.0.5 runs on %d.%d to %d.%d; `make setup` finds one' % (OLDEST + NEWEST))


def packages():
    for name in 'theano', 'numpy', 'scipy':
        if importlib.util.find_spec(name) is None:
            return Problem('no %s in %s' % (name, sys.prefix), '`make setup` installs it')


def device():
    value = user_options().get('device', 'cpu')
    if value != 'cpu' and importlib.util.find_spec('pygpu') is None:
        return Problem('device = %s in THEANO_FLAGS or .theanorc' % value, 'must be cpu, as pygpu is not there')


def compiler_is_there():
    if compiler():
        return None
    user = user_options()
    if 'cxx' in user:
        return Problem('cxx = %r in THEANO_FLAGS or .theanorc' % user['cxx'], 'must be a C++ compiler, such as g++')
    return Problem('no C++ compiler (g++ or clang++), which Theano needs',
                   'apt-get install g++, dnf install gcc-c++, or xcode-select --install')


def compiler_works():
    options = user_options().get('gcc.cxxflags')
    if not compiler():
        return None
    if not blas.find(compiler(), compile_folder()):
        return Problem('%s cannot make a shared library, which Theano needs' % compiler(),
                       'is it whole, is there room in %s?' % os.environ.get('TMPDIR', '/tmp'))
    if options and not blas.links(options, compiler(), compile_folder()):
        return Problem('gcc.cxxflags = %s in THEANO_FLAGS or .theanorc' % options,
                       'must be options that %s takes' % compiler())


def python_header():
    folder = sysconfig.get_paths()['include']
    if not os.path.exists(os.path.join(folder, 'Python.h')):
        return Problem('no Python.h in %s, which Theano needs' % folder, 'apt-get install python%d.%d-dev, or '
                       'dnf install python3-devel' % sys.version_info[:2])


def compile_folder_is_writable():
    """Tried with a file, as Theano's own words on a folder that cannot be written are long."""
    folder = compile_folder()
    if folder.startswith('~'):
        return Problem('no home folder, which Theano needs', 'set HOME')
    if '%' in folder:                             # in a .theanorc, to be completed by Theano
        return None
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(1 << 20))            # about what an Op takes
            file.flush()
    except OSError as error:
        return Problem('cannot write to %s, where Theano keeps compiled code (%s)' % (folder, error.strerror),
                       'for another folder, set THEANO_FLAGS=base_compiledir=FOLDER')


CHECKS = [python_version, packages, device, compiler_is_there, compiler_works, python_header,
          compile_folder_is_writable]


def problems():
    """The problems of this machine, one after the other, as they are found."""
    return filter(None, (check() for check in CHECKS))


def set_threads():
    """OpenMP has the cores, BLAS one thread, unless the user has said otherwise."""
    # No number, 0, and the thousands that crash are as if nothing was set.
    if not re.fullmatch('0*[1-9][0-9]{0,2}', os.environ.get('OMP_NUM_THREADS', '')):
        os.environ['OMP_NUM_THREADS'] = str(cores())
    if 'OMP_WAIT_POLICY' not in os.environ:       # threads that wait spin for 0.1 ms or so, not for several
        os.environ.setdefault('GOMP_SPINCOUNT', '5000')
    # Two pools of threads on the same cores are slower than one thread. BLAS is called from within OpenMP's;
    # one BLAS thread also makes the sums independent of their number.
    os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
    os.environ.setdefault('MKL_NUM_THREADS', '1')


def set_up():
    """Puts our settings before the user's own in THEANO_FLAGS; SystemExit at the first problem."""
    set_threads()
    blas.name_instructions()
    for problem in problems():
        raise SystemExit('%s: %s' % problem)
    user = user_options()
    scipy = importlib.import_module('scipy')      # after these two: it loads BLAS
    defaults = {
        'floatX': 'float32',
        'openmp': 'True',
        'cxx': compiler(),
        'allow_gc': 'False',                      # temporaries are kept: no page faults
        'compile.wait': '1',                      # a lock left by a killed process is waited for 24 times as long
        'gcc.cxxflags': '-g0',                    # no debugging symbols: a tenth of the compiling
        # Code compiled for one NumPy or SciPy may crash with another.
        'compiledir_format': 'compiledir_%(short_platform)s-%(processor)s-%(python_version)s-%(python_bitwidth)s'
                             '-numpy%(numpy_version)s-scipy' + scipy.__version__,
    }
    if 'blas.ldflags' not in user:
        defaults['blas.ldflags'], description = blas.find(compiler(), compile_folder())
        if not description.startswith(blas.INSIDE_SCIPY):
            print("# BLAS: %s (SciPy's was not found or does not link)" % description, file=sys.stderr)
    flags = ['%s=%s' % item for item in defaults.items() if item[0].lower() not in user]
    os.environ['THEANO_FLAGS'] = ','.join(flags + list(filter(None, [os.environ.get('THEANO_FLAGS')])))
