"""theano.scan's loop runs in Python where its C does not compile.

Symptom: every function with a scan in it fails to compile: longintrepr.h, No such file.
Cause: the C of the loop was written by a Cython of 2015; that header is gone since Python 3.11. Theano goes on in
Python where the module of the loop cannot be imported.
For: Theano 1.0.5, from Python 3.11 on.
"""
import contextlib
import sys


@contextlib.contextmanager
def before_import():
    sys.modules['theano.scan_module.scan_perform_ext'] = None
    yield
