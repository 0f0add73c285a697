/* X, W -> Z and, where asked for, winners. */
#include "../kernels/conv_pool.h"
#include "images.h"

static int run(Scratch *scratch, PyArrayObject *X, PyArrayObject *W, PyArrayObject **Z, PyArrayObject **winners = NULL)
{
    Sizes s;
    if (read_sizes(&s, PyArray_DIMS(X), PyArray_DIMS(W)))
        return -1;
    npy_intp z_dims[] = {s.B, s.Wnch, s.Zrow, s.Zcol}, winners_dims[] = {s.B, s.Zrow * s.Zcol, WORDS, s.Wnch};
    PyArrayObject *in[2], *const from[] = {X, W};
    const int failed = contiguous(in, from, 2) || prepare(Z, 4, z_dims, REAL_NUM)
        || (WINNERS && prepare(winners, 4, winners_dims, WORD_NUM))
        || check(conv_pool(scratch, s, reals(in[0]), reals(in[1]), (real *)PyArray_DATA(*Z),
                           WINNERS ? (word *)PyArray_DATA(*winners) : NULL));
    release(in, 2);
    return failed ? -1 : 0;
}
