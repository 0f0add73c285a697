/* Biases: see kernels/bias.h. */
#include "../kernels/bias.h"
#include "arrays.h"

/* AddBias: X, b -> Z, which is X, changed, where INPLACE. */
static inline int run(Scratch *scratch, PyArrayObject *X, PyArrayObject *b, PyArrayObject **Z)
{
    const npy_intp *dims = PyArray_DIMS(X);
    if (PyArray_DIM(b, 0) != dims[1]) {
        PyErr_Format(PyExc_ValueError, "Shape mismatch: %ld biases for %ld feature maps", (long)PyArray_DIM(b, 0),
                     (long)dims[1]);
        return -1;
    }
    PyArrayObject *from[] = {X, b}, *in[2];
    int failed = contiguous(in, from, 2);
    if (!failed && INPLACE) {
        Py_INCREF(in[0]);
        Py_XDECREF(*Z);
        *Z = in[0];
    } else if (!failed)
        failed = prepare(Z, 4, PyArray_DIMS(X), REAL_NUM);
    if (!failed)
        add_bias((real *)PyArray_DATA(*Z), reals(in[0]), reals(in[1]), dims[0], dims[1], dims[2] * dims[3]);
    release(in, 2);
    return failed;
}

/* BiasGradient: G -> sums. */
static inline int run(Scratch *scratch, PyArrayObject *G, PyArrayObject **sums)
{
    npy_intp *dims = PyArray_DIMS(G);
    const npy_intp map = PyArray_NDIM(G) == 4 ? dims[2] * dims[3] : 1;
    PyArrayObject *from[] = {G}, *in[1];
    int failed = contiguous(in, from, 1) || prepare(sums, 1, dims + 1, REAL_NUM);
    if (!failed)
        bias_gradient((real *)PyArray_DATA(*sums), reals(in[0]), dims[0], dims[1], map);
    release(in, 1);
    return failed;
}
