/* What the programs that check kernels share: random numbers from seeds, comparison to the bit, rates. */
#include <math.h>
#include <omp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef SEEDS
#define SEEDS 40
#endif

#define EXPECT(truth) do { if (!(truth)) { printf("FAILED: seed %u: %s\n", seed_drawn, #truth); exit(1); } } while (0)

/* GFLOP/s of a call of so many operations: the best of many. */
#define GFLOPS(flop, call) ({ \
    double best = 0, end = omp_get_wtime() + 0.5; \
    do { \
        const double start = omp_get_wtime(); \
        (void)(call); \
        best = fmax(best, 1e-9 * (flop) / (omp_get_wtime() - start)); \
    } while (omp_get_wtime() < end); \
    best; })

#if REAL_BYTES == 4
#define FMA fmaf
typedef float number;
#else
#define FMA fma
typedef double number;
#endif

static uint64_t drawn;
static unsigned seed_drawn;

static void start_drawing(unsigned seed)
{
    seed_drawn = seed;
    drawn = seed;
}

/* A whole number from low to high. */
static long draw(long low, long high)
{
    drawn = drawn * 6364136223846793005u + 1442695040888963407u;
    return low + (long)((drawn >> 33) % (uint64_t)(high - low + 1));
}

static void fill(number *a, long n, int whole)
{
    for (long k = 0; k < n; k++)
        a[k] = whole ? (number)draw(-3, 3) : (number)draw(-(1 << 24), 1 << 24) / 3 / (1 << 20);
}

static number *room(long n)
{
    return (number *)malloc(n * sizeof(number) + 1);
}

static inline void same(const char *what, const void *have, const void *want, size_t bytes)
{
    if (memcmp(have, want, bytes)) {
        printf("FAILED: seed %u: %s differs from the plain loops\n", seed_drawn, what);
        exit(1);
    }
}
