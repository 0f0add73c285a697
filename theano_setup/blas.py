"""The best BLAS at hand, as flags for the linker."""
import contextlib
import functools
import glob
import hashlib
import importlib
import importlib.util
import os
import subprocess
import sys

INSIDE_SCIPY = 'the one inside SciPy: '


def links(ldflags, compiler, folder):
    """Does a shared library, which is what Theano makes of an Op, link with these flags?

    A file in the folder, if it is there, stands for what did; what did not is tried again.
    """
    command = [compiler, '-shared', '-fPIC', '-x', 'c++', '-', '-o', os.devnull] + ldflags.split()
    with contextlib.suppress(OSError):
        about = os.stat(compiler)
        tried = command, os.environ.get('LIBRARY_PATH'), about.st_mtime_ns, about.st_size
        path = os.path.join(folder, 'links-' + hashlib.sha256(repr(tried).encode()).hexdigest()[:16])
        if os.path.exists(path):
            return True
        if subprocess.run(command, input=b'', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            return False
        with contextlib.suppress(OSError):
            open(path, 'w').close()
        return True


def scipy_library():
    """Path of the OpenBLAS that SciPy's wheel brings, or None."""
    scipy_dir = importlib.util.find_spec('scipy').submodule_search_locations[0]
    for pattern in '../scipy.libs/lib*openblas*.so', '.dylibs/lib*openblas*.dylib':
        for path in glob.glob(os.path.join(glob.escape(scipy_dir), pattern)):
            return os.path.realpath(path)


def name_instructions():
    """Tells OpenBLAS what this processor can do, unless the user has.

    The one inside SciPy 1.10 takes Intel's processors of 2023 and later for those of 2004, and is five times slower.
    """
    if sys.version_info >= (3, 12) or not os.path.exists('/proc/cpuinfo'):
        return
    with open('/proc/cpuinfo') as file:
        words = set(file.read().partition('\n\n')[0].split())       # of the first core
    if 'GenuineIntel' in words and {'avx2', 'fma'} <= words:
        is_wide = {'avx512f', 'avx512dq', 'avx512bw', 'avx512vl'} <= words
        os.environ.setdefault('OPENBLAS_CORETYPE', 'SkylakeX' if is_wide else 'Haswell')


@functools.lru_cache(maxsize=None)
def find(compiler, folder):
    """(linker flags, description) of SciPy's BLAS, else the system's, else none; None if nothing at all links."""
    path = scipy_library()
    if path:
        libraries, name = os.path.split(path)
        flags = '-l' + os.path.splitext(name)[0][len('lib'):]
        if len(path.split()) > 1 or set(path) & set(',\'"#\\'):
            # Theano cannot carry such a path in its flags: let the compiler find the file by its
            # environment, and the loader by its being loaded already.
            os.environ['LIBRARY_PATH'] = libraries + os.pathsep + os.environ.get('LIBRARY_PATH', '')
            importlib.import_module('scipy.linalg')
        else:
            flags = '-L%s %s' % (libraries, flags)             # Theano adds the rpath to every -L
        if links(flags, compiler, folder):
            return flags, INSIDE_SCIPY + path
    for flags in '-lopenblas', '-lblas', '':
        if links(flags, compiler, folder):
            return flags, "the system's: " + flags if flags else 'none: through NumPy, slower'
    return None
