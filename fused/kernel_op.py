"""What the Ops of this folder have in common: C in files of its own, compiled once for each set of constants."""
from theano_setup import theano
import functools
import glob
import hashlib
import os

import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))


@functools.lru_cache(maxsize=None)
def c_files():
    """The text of all C files that Theano may compile."""
    texts = []
    for folder in 'kernels', 'ops':
        for path in sorted(glob.glob(os.path.join(glob.escape(FOLDER), folder, '*.h'))):
            with open(path) as file:
                texts.append(file.read())
    return '\0'.join(texts)


class KernelOp(theano.gof.OpenMPOp):
    """An Op whose C is the function `run` in ops/<c_file>.

    run(Scratch *, inputs ..., &outputs ...) returns 0, or another number with a Python exception set. Each node has
    the C in a namespace of its own, and scratch memory that lives as long as the compiled function.
    """
    c_file = None

    def defines(self, node):
        """The constants that the C is compiled with."""
        return {'REAL_BYTES': np.dtype(node.outputs[0].dtype).itemsize}

    def c_header_dirs(self):
        return [FOLDER]

    def c_headers(self):
        return ['<stdint.h>', '<stdlib.h>', '<string.h>'] + super().c_headers()

    def c_compile_args(self):
        # Every multiply-add is fused, on every processor; GCC would keep some apart for AMD's. Predictive commoning
        # keeps pixels in registers from one tap to the next, and spills them; a multiply-add takes its pixel from
        # memory for nothing.
        gcc = 'clang' not in os.path.basename(theano.config.cxx)
        return ['-ffp-contract=fast'] + super().c_compile_args() + gcc * [
            '--param=avoid-fma-max-bits=0', '-fno-predictive-commoning']

    def c_support_code_apply(self, node, name):
        lines = ['#undef %s\n#define %s %s' % (key, key, value) for key, value in sorted(self.defines(node).items())]
        return '\n'.join(lines + ['namespace fused_%s {' % name, '#include "ops/%s"' % self.c_file, '}'])

    def c_support_code_struct(self, node, name):
        return 'fused_%s::Scratch scratch_%s;' % (name, name)

    def c_init_code_struct(self, node, name, sub):
        return 'scratch_%s.memory = NULL; scratch_%s.bytes = 0;' % (name, name)

    def c_cleanup_code_struct(self, node, name):
        return 'free(scratch_%s.memory);' % name

    def c_code(self, node, name, inputs, outputs, sub):
        arguments = ', '.join(list(inputs) + ['&' + out for out in outputs])
        return 'if (fused_%s::run(&scratch_%s, %s)) { %s }' % (name, name, arguments, sub['fail'])

    def c_code_cache_version_apply(self, node):
        """A hash of the C and of all that configures it: modules that are kept under another one are not used."""
        code = c_files(), self.c_support_code_apply(node, ''), self.c_code(node, '', 'abcde', 'z', {'fail': ''})
        return hashlib.sha256('\0'.join(code).encode()).hexdigest(), self.openmp
