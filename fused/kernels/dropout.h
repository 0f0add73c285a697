/* Dropout: a random share of the values becomes 0, the rest is scaled. */
#include "kernel.h"
#include "random.h"

/* X (n,) -> Z (n,): 0 where the place's random number is below drop 2^32, else X scale. Z may be X. */
static void dropout(real *Z, const real *X, len n, int64_t key, double drop)
{
    const uint32_t k = short_key(key), least = (uint32_t)(drop * 4294967296.);
    const real scale = (real)(1 / (1 - drop));
    #pragma omp parallel for schedule(static) if (n > 50000)
    for (len i = 0; i < n; i++)
        Z[i] = random_at(k, (uint32_t)i) < least ? 0 : X[i] * scale;
}
