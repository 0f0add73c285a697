/* Biases in parallel: added to feature maps; their gradients. */
#include "kernel.h"

enum { MAPS = 8 };                      /* sums side by side: each waits for its own last addition */

/* X (N, F, map), b (F,) -> Z: b of each map is added. Z may be X. */
static void add_bias(real *Z, const real *X, const real *b, len N, len F, len map)
{
    #pragma omp parallel for schedule(static) if (N * F * map > 25000)
    for (len i = 0; i < N * F; i++) {
        const real added = b[i % F];
        #pragma omp simd
        for (len j = i * map; j < (i + 1) * map; j++)
            Z[j] = X[j] + added;
    }
}

/* The sums of `maps` maps from f on. */
ALWAYS_INLINE void sum_maps(real *sums, const real *G, len N, len F, len map, len f, const int maps)
{
    double sum[MAPS] = {0};
    for (len n = 0; n < N; n++)
        for (len j = 0; j < map; j++)
            UNROLL for (int k = 0; k < maps; k++)
                sum[k] += (double)G[(n * F + f + k) * map + j];
    UNROLL for (int k = 0; k < maps; k++)
        sums[f + k] = (real)sum[k];
}

/* G (N, F, map) -> sums (F,), in double: image after image, and in each as its values lie. */
static void bias_gradient(real *sums, const real *G, len N, len F, len map)
{
    #pragma omp parallel for schedule(static) if (N * F * map > 10000)
    for (len f = 0; f < F; f += MAPS)
        if (f + MAPS <= F)
            sum_maps(sums, G, N, F, map, f, MAPS);
        else
            for (len last = f; last < F; last++)
                sum_maps(sums, G, N, F, map, last, 1);
}
