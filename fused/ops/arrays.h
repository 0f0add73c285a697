/* Between Theano's arrays and the kernels. A function returns 0, or -1 with a Python exception set. */

#if REAL_BYTES == 4
#define REAL_NUM NPY_FLOAT32
#else
#define REAL_NUM NPY_FLOAT64
#endif

static const real *reals(PyArrayObject *a)
{
    return (const real *)PyArray_DATA(a);
}

/* Contiguous versions of the n arrays, new references, NULL where one fails. */
static inline int contiguous(PyArrayObject **to, PyArrayObject *const *from, int n)
{
    int ok = 1;
    for (int k = 0; k < n; k++)
        ok = (to[k] = PyArray_GETCONTIGUOUS(from[k])) && ok;
    return ok ? 0 : -1;
}

static inline void release(PyArrayObject **arrays, int n)
{
    for (int k = 0; k < n; k++)
        Py_XDECREF(arrays[k]);
}

/* *out becomes a C-contiguous array of that shape, the old one if it fits. */
static inline int prepare(PyArrayObject **out, int nd, npy_intp *dims, int num)
{
    if (*out && PyArray_NDIM(*out) == nd && PyArray_TYPE(*out) == num && PyArray_IS_C_CONTIGUOUS(*out)
        && PyArray_CompareLists(PyArray_DIMS(*out), dims, nd))
        return 0;
    Py_XDECREF(*out);
    *out = (PyArrayObject *)PyArray_EMPTY(nd, dims, num, 0);
    return *out ? 0 : -1;
}

/* An exception for what a kernel returned. */
static inline int check(int status)
{
    if (status == NO_MEMORY)
        PyErr_NoMemory();
    if (status == TOO_LARGE)
        PyErr_SetString(PyExc_ValueError, "ConvPool gradient: image or filters too large");
    return status == DONE ? 0 : -1;
}
