/* C = A B, or C <- alpha A B + beta C. */
#include "../kernels/product.h"
#include "arrays.h"

/* Strides of a matrix in reals; a ValueError if they are not whole. */
static int strides(PyArrayObject *a, len *row, len *col)
{
    if (PyArray_STRIDE(a, 0) % (npy_intp)sizeof(real) || PyArray_STRIDE(a, 1) % (npy_intp)sizeof(real)) {
        PyErr_SetString(PyExc_ValueError, "matrix product: strides are not multiples of the item size");
        return -1;
    }
    *row = PyArray_STRIDE(a, 0) / (npy_intp)sizeof(real);
    *col = PyArray_STRIDE(a, 1) / (npy_intp)sizeof(real);
    return 0;
}

static int update(Scratch *scratch, PyArrayObject *A, PyArrayObject *B, PyArrayObject *C, real alpha, real beta)
{
    Product p;
    p.M = PyArray_DIM(A, 0), p.K = PyArray_DIM(A, 1), p.N = PyArray_DIM(B, 1);
    if (PyArray_DIM(B, 0) != p.K || PyArray_DIM(C, 0) != p.M || PyArray_DIM(C, 1) != p.N) {
        PyErr_Format(PyExc_ValueError, "Shape mismatch: A is %ld x %ld, B is %ld x %ld, C is %ld x %ld",
                     (long)p.M, (long)p.K, (long)PyArray_DIM(B, 0), (long)p.N,
                     (long)PyArray_DIM(C, 0), (long)PyArray_DIM(C, 1));
        return -1;
    }
    if (strides(A, &p.am, &p.ak) || strides(B, &p.bk, &p.bn) || strides(C, &p.cm, &p.cn))
        return -1;
    p.A = reals(A), p.B = reals(B), p.C = (real *)PyArray_DATA(C);
    p.alpha = alpha, p.beta = beta;
    return check(product(scratch, &p));
}

/* ParallelDot: A, B -> C. */
static inline int run(Scratch *scratch, PyArrayObject *A, PyArrayObject *B, PyArrayObject **C)
{
    npy_intp dims[] = {PyArray_DIM(A, 0), PyArray_DIM(B, 1)};
    return prepare(C, 2, dims, REAL_NUM) || update(scratch, A, B, *C, 1, 0) ? -1 : 0;
}

/* ParallelGemm: C, alpha, A, B, beta -> C itself, changed. */
static inline int run(Scratch *scratch, PyArrayObject *C, PyArrayObject *alpha, PyArrayObject *A, PyArrayObject *B,
                      PyArrayObject *beta, PyArrayObject **out)
{
    Py_INCREF(C);
    Py_XDECREF(*out);
    *out = C;
    return update(scratch, A, B, C, *reals(alpha), *reals(beta));
}
