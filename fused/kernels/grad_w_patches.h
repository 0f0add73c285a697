/* Sums of filters in groups of four, each a patch of whole vectors. */
#include "grad_w_sparse.h"

enum { GROUP = 4 };

ALWAYS_INLINE len image_reals(const Sizes s)
{
    return s.Prow * image_cols(s);
}

/* x (Xnch, Xrow, Xcol) -> (Prow, Pcol, Xnch). */
static void load_image(const Sizes *t, real *xs, const real *x)
{
    const Sizes s = FIXED(t);
    const len map = s.Xrow * s.Xcol;
    if (s.Xnch == 1)
        pad_image(t, xs, x);
    else if (s.Prow == s.Xrow && s.Pcol == s.Xcol)
        transpose(xs, s.Xnch, x, map, s.Xnch, map);
    else {
        memset(xs, 0, image_reals(s) * sizeof(real));
        for (len r = 0; r < s.Xrow; r++)
            transpose(xs + ((s.top + r) * s.Pcol + s.left) * s.Xnch, s.Xnch, x + r * s.Xcol, map, s.Xnch, s.Xcol);
    }
}

ALWAYS_INLINE len group_reals(const Sizes s)
{
    return GROUP * patch_rows(s) * patch_cols(s);
}

ALWAYS_INLINE len sum_at(const Sizes s, len f, len c, len i, len j)
{
    return (f * patch_rows(s) + i) * patch_cols(s) + j * s.Xnch + c;
}
