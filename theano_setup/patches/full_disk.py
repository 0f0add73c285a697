"""A full disk, found while compiling, is one line.

Symptom: pages of C code and of the compiler's output. Other errors are told as ever.
Cause: Theano prints what it compiled, whatever stopped it.
For: Theano 1.0.5.
"""
import contextlib
import io
import logging
import os
import shutil


def after_import(theano):
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
