/* Shapes of images, filters and gradients, checked. */
#include "arrays.h"

#if AREA <= 8
#define WORD_NUM NPY_UINT8
#elif AREA <= 16
#define WORD_NUM NPY_UINT16
#else
#define WORD_NUM NPY_UINT32
#endif

/* Fills *s from the run-time shapes; a ValueError shows both. */
static int read_sizes(Sizes *s, const npy_intp *x, const npy_intp *w)
{
    const npy_intp have[] = {x[1], x[2], x[3], w[0], w[2], w[3]};
    const npy_intp want[] = {XNCH, XROW, XCOL, WNCH, WROW, WCOL};
    int agree = x[1] == w[1];
    for (int k = 0; k < 6; k++)
        agree = agree && (!want[k] || want[k] == have[k]);
    if (agree) {
        *s = sizes(x[0], x[1], x[2], x[3], w[0], w[2], w[3]);
        if (s->Yrow > 0 && s->Ycol > 0)
            return 0;
    }
    PyErr_Format(PyExc_ValueError,
        "ConvPool: %s\n"
        "  images shape: %ld x %ld x %ld x %ld\n"
        "  filters shape: %ld x %ld x %ld x %ld\n"
        "  compiled for images ? x %ld x %ld x %ld and filters %ld x %ld x %ld x %ld (0: any)",
        !agree ? "shapes do not agree" : "impossible output shape: filter larger than image",
        (long)x[0], (long)x[1], (long)x[2], (long)x[3], (long)w[0], (long)w[1], (long)w[2], (long)w[3],
        (long)XNCH, (long)XROW, (long)XCOL, (long)WNCH, (long)XNCH, (long)WROW, (long)WCOL);
    return -1;
}

/* gZ and winners must be of the forward pass that s describes. */
static inline int check_gradient(const Sizes *s, PyArrayObject *gZ, PyArrayObject *winners)
{
    const npy_intp *g = PyArray_DIMS(gZ), *w = PyArray_DIMS(winners);
    if (g[0] == s->B && g[1] == s->Wnch && g[2] == s->Zrow && g[3] == s->Zcol
        && w[0] == s->B && w[1] == s->Zrow * s->Zcol && w[2] == WORDS && w[3] == s->Wnch)
        return 0;
    PyErr_Format(PyExc_ValueError,
        "ConvPool gradient: shapes do not agree\n"
        "  gradient shape: %ld x %ld x %ld x %ld (expected %ld x %ld x %ld x %ld)\n"
        "  winners shape: %ld x %ld x %ld x %ld",
        (long)g[0], (long)g[1], (long)g[2], (long)g[3],
        (long)s->B, (long)s->Wnch, (long)s->Zrow, (long)s->Zcol,
        (long)w[0], (long)w[1], (long)w[2], (long)w[3]);
    return -1;
}

/* The two elements of the symbolic shape (rows, cols). */
static inline int read_shape(npy_intp *rows_cols, PyArrayObject *shape)
{
    if (PyArray_DIM(shape, 0) != 2) {
        PyErr_Format(PyExc_ValueError, "ConvPool gradient: shape must have 2 elements, has %ld",
                     (long)PyArray_DIM(shape, 0));
        return -1;
    }
    for (int k = 0; k < 2; k++)
        rows_cols[k] = *(npy_int64 *)PyArray_GETPTR1(shape, k);
    return 0;
}
