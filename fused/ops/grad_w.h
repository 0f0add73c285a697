/* X, gZ, winners, (Wrow, Wcol) -> gW. */
#include "../kernels/grad_w.h"
#include "images.h"

static int run(Scratch *scratch, PyArrayObject *X, PyArrayObject *gZ, PyArrayObject *winners, PyArrayObject *shape,
               PyArrayObject **gW)
{
    Sizes s;
    npy_intp dims[] = {PyArray_DIM(gZ, 1), PyArray_DIM(X, 1), 0, 0};
    if (read_shape(dims + 2, shape) || read_sizes(&s, PyArray_DIMS(X), dims) || check_gradient(&s, gZ, winners))
        return -1;
    PyArrayObject *in[3], *const from[] = {X, gZ, winners};
    const int failed = contiguous(in, from, 3) || prepare(gW, 4, dims, REAL_NUM)
        || check(grad_w(scratch, s, reals(in[0]), reals(in[1]), (const word *)PyArray_DATA(in[2]),
                        (real *)PyArray_DATA(*gW)));
    release(in, 3);
    return failed ? -1 : 0;
}
