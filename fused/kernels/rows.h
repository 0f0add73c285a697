/* Rows gathered in parallel: Z[i] = X[index[i]]. */
#include "kernel.h"

/* X (N, reals), index (n,) from -N to N - 1, those below 0 from the end -> Z (n, reals). */
static void take_rows(real *Z, const real *X, len N, len reals, const ptrdiff_t *index, len n)
{
    #pragma omp parallel for schedule(static) if (n * reals > 25000)
    for (len i = 0; i < n; i++)
        memcpy(Z + i * reals, X + (index[i] < 0 ? index[i] + N : index[i]) * reals, reals * sizeof(real));
}
