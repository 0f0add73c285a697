/* Sums of filters in groups of four, each a patch of whole vectors. */
#include "grad_w_sparse.h"

enum { GROUP = 4 };

ALWAYS_INLINE len group_reals(const Sizes s)
{
    return GROUP * patch_rows(s) * patch_cols(s);
}

ALWAYS_INLINE len sum_at(const Sizes s, len f, len c, len i, len j)
{
    return (f * patch_rows(s) + i) * patch_cols(s) + j * s.Xnch + c;
}
