/* dW. Tasks are groups of filters x chunks of images. Chunks are cut by the sizes alone, and added in order; within
 * one, a filter's winners are added one after the other, by images, windows and positions.
 *
 * A task has three forms, in files of their own, which differ in speed alone. Each has a name, GRAD_W_FORM, and defines
 *   GROUP                        filters of a task
 *   image_reals(s)               reals of an image as it wants it
 *   load_image(s, xs, x)         x (Xnch, Xrow, Xcol) -> that
 *   group_reals(s)               reals of a group's sums
 *   sum_at(s, f, c, i, j)        where the sum of a filter's tap is, f from the group's first filter
 *   grad_w_task(...)             the sums of the filters f0 <= f < f1 over the images b0 <= b < b1
 */
#include "winners.h"

#define TAPS (XNCH * WROW * WCOL)       /* 0 where not known */

/* An image as its form wants it. lit (Zrow * Zcol, WORDS): which positions of a window are not blank. */
typedef struct { const real *x; int is_finite; word *lit; } Image;

/* map is of an image's patches. */
static inline void find_lit_positions(const Sizes *t, word *lit, const uint8_t *map)
{
    const Sizes s = FIXED(t);
    for (len zr = 0; zr < s.Zrow; zr++)
        for (len zc = 0; zc < s.Zcol; zc++, lit += WORDS) {
            const uint8_t *first = map + (zr * ST0 - PD0) * s.Pcol + zc * ST1 - PD1;
            uint32_t words[WORDS] = {0};
            UNROLL for (int k = 0; k < AREA; k++)
                words[k / 32] |= (uint32_t)first[k / DS1 * s.Pcol + k % DS1] << k % 32;
            UNROLL for (int n = 0; n < WORDS; n++)
                lit[n] = words[n];
        }
}

/* Where a sum is in those of a group. */
ALWAYS_INLINE len sum_at(const Sizes s, len f, len c, len i, len j);

#if !defined(__clang__) && XNCH == 1 && TAPS && TAPS <= REGS - 6 && WNCH && WNCH % VL == 0 && !PD0 && !PD1 \
    && AREA <= VL && DS0 <= 4 && DS1 + WCOL - 1 <= VL / 2
#include "grad_w_picked.h"
#elif RUN && WROW && WROW * CEIL_DIV(RUN, GL) <= REGS - 4
#include "grad_w_patch.h"
#else
#include "grad_w_lists.h"
#endif

/* Images of a chunk: enough windows that adding chunks does not count. */
static inline len chunk_images(const Sizes s)
{
    const len pieces = MIN(64, CEIL_DIV(s.B * s.Zrow * s.Zcol, 512));
    return MAX(1, CEIL_DIV(s.B, MAX(1, pieces)));
}

/* The chunks' sums for filters f0 <= f < f1 -> gw (Wnch, Xnch, Wrow, Wcol). */
static void add_chunks(const Sizes *t, real *gw, real *sums, len chunks, len groups, len f0, len f1)
{
    const Sizes s = FIXED(t);
    const len window = s.Wrow * s.Wcol, reals = group_reals(s);
    if (!chunks)
        memset(sums, 0, reals * sizeof(real));
    for (len n = 1; n < chunks; n++)
        for (len k = 0; k < reals; k++)
            sums[k] += sums[n * groups * reals + k];
    for (len f = f0; f < f1; f++)
        for (len c = 0; c < s.Xnch; c++)
            for (len i = 0; i < s.Wrow; i++)
                for (len j = 0; j < s.Wcol; j++) {
                    const len k = i * s.Wcol + j;
                    gw[(f * s.Xnch + c) * window + (FLIP ? window - 1 - k : k)] = sums[sum_at(s, f - f0, c, i, j)];
                }
}

/* Image b of x in xs, as its form wants it. room is of lit_bytes. */
static Image prepared(const Sizes *t, const real *x, len b, real *xs, word *lit, uint8_t *room)
{
    const Sizes s = FIXED(t);
    const len reals = s.Xnch * s.Xrow * s.Xcol;
    const real *xb = x + b * reals;
    load_image(t, xs, xb);
    find_lit_positions(t, lit, find_lit(t, room, xb, s.Wrow, s.Wcol));
    return (Image){xs, all_finite(xb, reals), lit};
}

/* x, gz, winners -> gw; all contiguous, of sizes that fit. Images are prepared once for all groups of filters, or, where
 * there is one, by its tasks, a few at a time. */
static int grad_w(Scratch *scratch, Sizes s, const real *x, const real *gz, const word *winners, real *gw)
{
    const len image = image_reals(s), group = group_reals(s), chunk = chunk_images(s);
    const len chunks = CEIL_DIV(s.B, chunk), groups = CEIL_DIV(s.Wnch, GROUP);
    if (chunk * image > INT32_MAX)                  /* Event.at is an int */
        return TOO_LARGE;
    /* At an edge, the form `picked` reads rows of windows that hang over it. */
    const len P = s.Zrow * s.Zcol;
    const len kept = groups > 1 ? s.B : chunk * THREADS;            /* images */
    const len xs_reals = ALIGNED(kept * image) + images_reals(s, 0) + ALIGNED(DS0 * image_cols(s) * 2 + VL);
    const len sums_reals = ALIGNED(MAX(1, chunks) * groups * group);
    const len thread_reals = ALIGNED(MAX(MAX(s.Yrow * s.Ycol, P * VL), CEIL_DIV(lit_bytes(s), REAL_BYTES)));
    const len images_size = s.B * (sizeof(Image) + P * WORDS * sizeof(word));
    real *xs = get_scratch(scratch, xs_reals + sums_reals + THREADS * thread_reals + CEIL_DIV(images_size, REAL_BYTES));
    if (!xs)
        return NO_MEMORY;
    real *sums = xs + xs_reals, *of_threads = sums + sums_reals;
    Image *images = (Image *)(of_threads + THREADS * thread_reals);
    word *lit = (word *)(images + s.B);
    memset(xs + kept * image, 0, (xs_reals - kept * image) * sizeof(real));

    const int threads = THREADS;
    Share shares[threads];
    share_out(shares, threads, chunks * groups);
    #pragma omp parallel if (s.B * s.Wnch * s.Zrow * s.Zcol * s.Xnch * s.Wrow * s.Wcol > WORTH_THREADS)
    {
        uint8_t *room = (uint8_t *)(of_threads + THREAD * thread_reals);
        if (groups > 1) {
            #pragma omp for schedule(static)
            for (len b = 0; b < s.B; b++)
                images[b] = prepared(&s, x, b, xs + b * image, lit + b * P * WORDS, room);
        }
        int tried = 0;
        for (len k; (k = next_task(shares, threads, &tried)) >= 0;) {
            const len f = k % groups * GROUP, b = k / groups * chunk, end = MIN(b + chunk, s.B);
            for (len i = b; groups == 1 && i < end; i++)
                images[i] = prepared(&s, x, i, xs + (THREAD * chunk + i - b) * image, lit + i * P * WORDS, room);
            grad_w_task(&s, sums + k * group, images, gz, winners, b, end, f, MIN(f + GROUP, s.Wnch), (real *)room);
        }
        #pragma omp barrier
        #pragma omp for schedule(static)
        for (len k = 0; k < groups; k++)
            add_chunks(&s, gw, sums + k * group, chunks, groups, k * GROUP, MIN((k + 1) * GROUP, s.Wnch));
    }
    return DONE;
}
