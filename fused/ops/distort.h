/* X, index, key, most (shift, rotate, zoom, elastic) -> Z: see kernels/distort.h. */
#include "../kernels/distort.h"
#include "arrays.h"

static int run(Scratch *scratch, PyArrayObject *X, PyArrayObject *index, PyArrayObject *key, PyArrayObject *most,
               PyArrayObject **Z)
{
    PyArrayObject *const from[] = {X, most};
    PyArrayObject *in[2] = {NULL, NULL};
    PyArrayObject *rows = (PyArrayObject *)PyArray_FROMANY((PyObject *)index, NPY_INTP, 1, 1, NPY_ARRAY_CARRAY_RO);
    int failed = !rows || contiguous(in, from, 2);
    if (!failed && PyArray_SIZE(most) != 4) {
        PyErr_SetString(PyExc_ValueError, "Distort: must have four limits");
        failed = 1;
    }
    if (!failed) {
        const npy_intp *row = (const npy_intp *)PyArray_DATA(rows), n = PyArray_DIM(rows, 0), N = PyArray_DIM(X, 0);
        const double *limit = (const double *)PyArray_DATA(in[1]);
        npy_intp dims[4] = {n, PyArray_DIM(X, 1), PyArray_DIM(X, 2), PyArray_DIM(X, 3)};
        const Distortion d = {reals(in[0]), N, dims[1], dims[2], dims[3], *(npy_int64 *)PyArray_DATA(key), limit[0], limit[1], limit[2], limit[3]};
        for (npy_intp i = 0; i < n; i++)
            failed |= row[i] < 0 || row[i] >= N;
        if (failed)
            PyErr_SetString(PyExc_ValueError, "Distort: an index that is not in X");
        else
            failed = prepare(Z, 4, dims, REAL_NUM) || check(distort(scratch, (real *)PyArray_DATA(*Z), &d, row, n));
    }
    release(in, 2);
    Py_XDECREF(rows);
    return failed ? -1 : 0;
}
