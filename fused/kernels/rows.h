/* Rows gathered in parallel: Z[i] = X[index[i]]. */
#include "kernel.h"

ALWAYS_INLINE const real *row(const real *X, len N, len reals, len i)
{
    return X + (i < 0 ? i + N : i) * reals;
}

/* X (N, reals), index (n,) from -N to N - 1, those below 0 from the end -> Z (n, reals). Rows lie anywhere in memory:
 * each is called for while the one before it is copied. */
static void take_rows(real *Z, const real *X, len N, len reals, const ptrdiff_t *index, len n)
{
    #pragma omp parallel for schedule(static) if (n * reals > 25000)
    for (len i = 0; i < n; i++) {
        const real *next = row(X, N, reals, index[MIN(i + 1, n - 1)]);
        for (len k = 0; k < reals; k += 64 / REAL_BYTES)
            __builtin_prefetch(next + k);
        memcpy(Z + i * reals, row(X, N, reals, index[i]), reals * sizeof(real));
    }
}
