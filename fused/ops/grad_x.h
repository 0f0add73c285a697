/* W, gZ, winners, (Xrow, Xcol) -> gX. */
#include "../kernels/grad_x.h"
#include "images.h"

static int run(Scratch *scratch, PyArrayObject *W, PyArrayObject *gZ, PyArrayObject *winners, PyArrayObject *shape,
               PyArrayObject **gX)
{
    Sizes s;
    npy_intp dims[] = {PyArray_DIM(gZ, 0), PyArray_DIM(W, 1), 0, 0};
    if (read_shape(dims + 2, shape) || read_sizes(&s, dims, PyArray_DIMS(W)) || check_gradient(&s, gZ, winners))
        return -1;
    PyArrayObject *in[3], *const from[] = {W, gZ, winners};
    const int failed = contiguous(in, from, 3) || prepare(gX, 4, dims, REAL_NUM)
        || check(grad_x(scratch, s, reals(in[0]), reals(in[1]), (const word *)PyArray_DATA(in[2]),
                        (real *)PyArray_DATA(*gX)));
    release(in, 3);
    return failed ? -1 : 0;
}
