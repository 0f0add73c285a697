"""What Theano compiles gives the same digits on every processor.

Symptom: the same seed prints another log on a processor with wider vectors, or with another C library.
Cause: exp, log and tanh are the C library's, which differ in the last place; the compiler fuses a product with one sum
or another, as the processor and the loop have it. Here functions.h brings functions of our own, and products are fused
nowhere but in the Ops of this project, which say where. It is taken from the compile folder, so that the C is the same
for every copy of the project that compiles there.
For: Theano 1.0.5.
"""
import hashlib
import os

HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'functions.h')


def after_import(theano):
    from theano.gof.cc import CLinker
    headers_of, folders_of, arguments_of = CLinker.headers, CLinker.header_dirs, CLinker.compile_args
    with open(HEADER, 'rb') as file:
        content = file.read()
    digest = hashlib.sha256(content).hexdigest()[:16]
    name = 'functions-%s.h' % digest

    def headers(self):
        return headers_of(self) + ['"%s"' % name]                       # the last one

    def header_dirs(self):
        path = os.path.join(theano.config.compiledir, name)
        if not os.path.exists(path):
            part = '%s.%d' % (path, os.getpid())
            with open(part, 'wb') as file:
                file.write(content)
            os.replace(part, path)
        return folders_of(self) + [theano.config.compiledir]

    def compile_args(self):
        # An Op's own options come later, and win. The digest makes modules of another functions.h other modules. Nobody
        # traps floating-point exceptions: only then does GCC vectorize loops over functions with a choice in them.
        return ['-ffp-contract=off', '-fno-trapping-math', '-DFUNCTIONS=0x' + digest] + arguments_of(self)

    CLinker.headers, CLinker.header_dirs, CLinker.compile_args = headers, header_dirs, compile_args
