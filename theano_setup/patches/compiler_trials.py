"""Processes share what Theano tries before it compiles, such as that code for this CPU runs.

Symptom: the compiler runs in each process, even where nothing is left to compile.
Cause: Theano keeps the outcome in memory alone. Here a file in the compile folder stands for what went well; what did
not is tried again.
Gain: 0.2 s of each start (1.42 s with it, 1.67 s without).
For: Theano 1.0.5.
"""
import contextlib
import hashlib
import os


def after_import(theano):
    from theano.gof.cmodule import Compiler, gcc_version_str
    tried = Compiler._try_compile_tmp.__func__

    def try_compile_tmp(cls, src_code, tmp_prefix='', flags=(), try_run=False, output=False, compiler=None,
                        comp_args=True):
        arguments = src_code, flags, try_run, output, compiler, comp_args and cls.compile_args()
        digest = hashlib.sha256(repr(arguments + (gcc_version_str,)).encode()).hexdigest()
        path = os.path.join(theano.config.compiledir, 'tried-' + digest[:16])
        well = (True, True) if try_run else True
        if not output and os.path.exists(path):
            return well
        result = tried(cls, src_code, tmp_prefix, flags, try_run, output, compiler, comp_args)
        if result == well:
            with contextlib.suppress(OSError):
                open(path, 'w').close()
        return result

    Compiler._try_compile_tmp = classmethod(try_compile_tmp)
