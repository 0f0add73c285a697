"""GCC reads the headers of Theano's C++ once, not for each Op.

Symptom: most of the time that compiling takes goes to <Python.h>, <iostream> and NumPy's headers.
Cause: Theano does not know precompiled headers. Here they are kept in the compile folder, from the third Op on that a
process compiles with the same flags. Where they cannot be made, Ops are compiled as ever.
Gain: 0.3 s of the first run on two cores (13.6 s with it, 13.9 s without), 2 s of its CPU time (22.7 s, 24.7 s).
For: Theano 1.0.5, GCC on Linux.
"""
import collections
import contextlib
import hashlib
import io
import os
import subprocess

FIRST_LINES = '#include <Python.h>\n#include <iostream>\n#include "theano_mod_helper.h"\n'
HEADERS = FIRST_LINES + '#include <math.h>\n#include <numpy/arrayobject.h>\n#include <numpy/arrayscalars.h>\n'


def precompile(command, path):
    """Writes path and path + '.gch'. Called by one process at a time, as Theano's compile lock has it."""
    with contextlib.suppress(OSError):
        with open(path, 'w') as file:
            file.write(HEADERS)
        part = path + '.part'
        run = subprocess.run(command + [path, '-o', part], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if run.returncode == 0:
            with open(part, 'rb') as file:
                os.fsync(file.fileno())
            os.replace(part, path + '.gch')
        elif os.path.exists(part):
            os.remove(part)


def after_import(theano):
    from theano.gof import cmodule
    if not os.path.basename(theano.config.cxx).startswith('g++'):
        return
    compile_str, include = cmodule.GCC_compiler.compile_str, cmodule.std_include_dirs
    used = collections.Counter()

    def header_options(flags):
        """Options for g++ that bring the headers in, if they are there."""
        command = [theano.config.cxx, '-g', *flags, *('-I' + name for name in include()), '-fvisibility=hidden',
                   '-x', 'c++-header']
        what = repr((command, HEADERS, theano.__version__, cmodule.gcc_version_str))
        digest = hashlib.sha256(what.encode()).hexdigest()
        path = os.path.join(theano.config.compiledir, 'headers-%s.h' % digest[:16])
        used[path] += 1
        if used[path] == 3 and not os.path.exists(path + '.gch'):
            precompile(command, path)
        return ['-include', path] if os.path.exists(path + '.gch') else []

    def compile_with_headers(module_name, src_code, location=None, include_dirs=None, lib_dirs=None, libs=None,
                             preargs=None, *more, **named):
        options = header_options(tuple(preargs)) if src_code.startswith(FIRST_LINES) else []
        if options:
            with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
                return compile_str(module_name, src_code, location, include_dirs, lib_dirs, libs, preargs + options,
                                   *more, **named)
            with contextlib.suppress(OSError):
                os.remove(options[1] + '.gch')          # it may be damaged
        return compile_str(module_name, src_code, location, include_dirs, lib_dirs, libs, preargs, *more, **named)

    cmodule.GCC_compiler.compile_str = staticmethod(compile_with_headers)
