/* Dropout: a random share of the values becomes 0, the rest is scaled. */
#include "kernel.h"
#include "random.h"

#define BLOCK 4096                      /* values that one thread does at a time */

/* X (n,) -> Z (n,): 0 where the place's random number is below drop 2^32, else X scale. Z may be X. */
static void dropout(real *Z, const real *X, len n, int64_t key, double drop)
{
    const uint32_t k = short_key(key), least = (uint32_t)(drop * 4294967296.);
    const real scale = (real)(1 / (1 - drop));
    #pragma omp parallel for schedule(static) if (n > 2 * BLOCK)
    for (len first = 0; first < n; first += BLOCK) {
        const uint32_t size = (uint32_t)MIN(BLOCK, n - first), place = (uint32_t)first;
        #pragma omp simd
        for (uint32_t i = 0; i < size; i++)
            Z[first + i] = random_at(k, place + i) < least ? 0 : X[first + i] * scale;
    }
}
