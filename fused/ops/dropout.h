/* X, key, drop -> Z: see kernels/dropout.h. */
#include "../kernels/dropout.h"
#include "arrays.h"

static int run(Scratch *scratch, PyArrayObject *X, PyArrayObject *key, PyArrayObject *drop, PyArrayObject **Z)
{
    PyArrayObject *from[] = {X}, *in[1];
    int failed = contiguous(in, from, 1) || prepare(Z, PyArray_NDIM(X), PyArray_DIMS(X), REAL_NUM);
    if (!failed)
        dropout((real *)PyArray_DATA(*Z), reals(in[0]), PyArray_SIZE(X), *(npy_int64 *)PyArray_DATA(key),
                *(npy_float64 *)PyArray_DATA(drop));
    release(in, 1);
    return failed;
}
