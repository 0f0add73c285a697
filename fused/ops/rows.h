/* X[index], a copy; IndexError where an index is not in X. */
#include "../kernels/rows.h"
#include "arrays.h"

static int run(Scratch *scratch, PyArrayObject *X, PyArrayObject *index, PyArrayObject **Z)
{
    PyArrayObject *rows = (PyArrayObject *)PyArray_FROMANY((PyObject *)index, NPY_INTP, 1, 1, NPY_ARRAY_CARRAY_RO);
    if (!rows)
        return -1;
    const npy_intp N = PyArray_DIM(X, 0), n = PyArray_DIM(rows, 0), *row = (const npy_intp *)PyArray_DATA(rows);
    int plain = PyArray_IS_C_CONTIGUOUS(X);
    for (npy_intp i = 0; i < n; i++)
        plain &= -N <= row[i] && row[i] < N;
    if (plain) {
        npy_intp dims[NPY_MAXDIMS];
        memcpy(dims, PyArray_DIMS(X), PyArray_NDIM(X) * sizeof dims[0]);
        dims[0] = n;
        if (prepare(Z, PyArray_NDIM(X), dims, REAL_NUM) == 0 && n)
            take_rows((real *)PyArray_DATA(*Z), reals(X), N, PyArray_SIZE(*Z) / n, row, n);
    } else {                                                /* NumPy's way, and its IndexError */
        Py_XDECREF(*Z);
        *Z = (PyArrayObject *)PyArray_TakeFrom(X, (PyObject *)rows, 0, NULL, NPY_RAISE);
    }
    Py_DECREF(rows);
    return *Z ? 0 : -1;
}
