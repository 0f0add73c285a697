/* X[index], rows copied in parallel; gather.py puts it into Theano's C. */

/* The copy, in Z if its shape fits (a new Z if not); NULL with an error set where an index is not in X. */
static PyArrayObject *take(PyArrayObject *X, PyArrayObject *index, PyArrayObject *Z)
{
    PyArrayObject *rows = (PyArrayObject *)PyArray_FROMANY((PyObject *)index, NPY_INTP, 1, 1, NPY_ARRAY_CARRAY_RO);
    if (!rows)
        return NULL;
    const npy_intp N = PyArray_DIM(X, 0), n = PyArray_DIM(rows, 0), *row = (const npy_intp *)PyArray_DATA(rows);
    npy_intp dims[NPY_MAXDIMS];
    memcpy(dims, PyArray_DIMS(X), PyArray_NDIM(X) * sizeof dims[0]);
    dims[0] = n;
    int plain = PyArray_IS_C_CONTIGUOUS(X);
    for (npy_intp i = 0; i < n; i++)
        plain &= -N <= row[i] && row[i] < N;
    const int fits = plain && Z && PyArray_IS_C_CONTIGUOUS(Z) && PyArray_CompareLists(PyArray_DIMS(Z), dims, PyArray_NDIM(X));
    if (!fits) {
        Py_XDECREF(Z);
        Z = (PyArrayObject *)(plain ? PyArray_EMPTY(PyArray_NDIM(X), dims, PyArray_TYPE(X), 0)
                                    : PyArray_TakeFrom(X, (PyObject *)rows, 0, NULL, NPY_RAISE));    /* and its IndexError */
    }
    if (plain && Z && n) {
        const npy_intp bytes = PyArray_NBYTES(Z) / n;
        const char *from = PyArray_BYTES(X);
        char *to = PyArray_BYTES(Z);
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (n * bytes > 100000)
#endif
        for (npy_intp i = 0; i < n; i++)
            memcpy(to + i * bytes, from + (row[i] < 0 ? row[i] + N : row[i]) * bytes, bytes);
    }
    Py_DECREF(rows);
    return Z;
}
