"""C that Theano writes for older headers and libraries, put right before it is compiled.

Missing:
- PyInt_* and NPY_PY3K of npy_3kcompat.h, since NumPy 2
- PyArray_Descr's elsize, since NumPy 2, which has PyArray_ITEMSIZE
- NPY_MAXDIMS for 'no axis', since NumPy 2, which has NPY_RAVEL_AXIS; as the size of an array it is still there
- real and imag of npy_complex64 and 128 in C++, since NumPy 2: Theano's own types have their own
- BLAS under its own names, in the library of SciPy's wheels, since SciPy 1.14: there all names have a prefix
Here: the C with these names in their places, as GCC_compiler.compile_str is given it.
"""
import contextlib
import re
import sys

from theano_setup.newer import Before

REPLACED = [
    (r'\bPyInt_(?=\w)', r'PyLong_'),
    (r'\bdefined\(NPY_PY3K\)', '1'),
    (r'\bPyArray_DESCR\(([^()]*)\)->elsize\b', r'PyArray_ITEMSIZE(\1)'),
    (r'(?<!\[)\bNPY_MAXDIMS\b', 'NPY_RAVEL_AXIS'),
    (r'(struct theano_complex64) : public npy_complex64\s*{', r'\1 { npy_float32 real, imag;'),
    (r'(struct theano_complex128) : public npy_complex128\s*{', r'\1 { npy_float64 real, imag;'),
]
BLAS = (r'\b([sd](?:gemm|gemv|ger|dot)_|openblas_[gs]et_num_threads)\b', r'scipy_\1')


def repair():
    import theano
    compiler = sys.modules['theano.gof.cmodule'].GCC_compiler
    compile_str = compiler.compile_str
    replaced = REPLACED + [BLAS] * ('-lscipy_openblas' in theano.config.blas.ldflags)

    def compile_repaired(module_name, src_code, *args, **options):
        for old, new in replaced:
            src_code = re.sub(old, new, src_code)
        return compile_str(module_name, src_code, *args, **options)

    compiler.compile_str = staticmethod(compile_repaired)


@contextlib.contextmanager
def before_import():
    sys.meta_path.insert(0, Before('theano.gof.lazylinker_c', repair))     # which is compiled as it is imported
    yield
