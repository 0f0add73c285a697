/* dX: sums over filters, an image at a time; each by windows, positions and filters, in this order. */
#include "winners.h"

/* W (Wnch, Xnch, Wrow, Wcol) -> patches (Wnch, patch_rows, patch_cols). */
static void filter_patches(const Sizes *t, real *patches, const real *w)
{
    const Sizes s = FIXED(t);
    const len taps = s.Wrow * s.Wcol, patch_row = patch_cols(s), patch = patch_rows(s) * patch_row;
    memset(patches, 0, s.Wnch * patch * sizeof(real));
    for (len f = 0; f < s.Wnch; f++)
        for (len c = 0; c < s.Xnch; c++)
            for (len i = 0; i < s.Wrow; i++)
                for (len j = 0; j < s.Wcol; j++) {
                    const len k = i * s.Wcol + j;
                    patches[f * patch + i * patch_row + j * s.Xnch + c] =
                        w[(f * s.Xnch + c) * taps + (FLIP ? taps - 1 - k : k)];
                }
}

/* Not inlined: its registers are all in use. */
NOT_INLINED void add_events(const Sizes *t, real *dx, const real *patches, const Event *events, len n)
{
    const Sizes s = FIXED(t);
    accumulate(s, dx, image_cols(s), patches, patch_cols(s), events, n);
}

/* dX of one image, padded and with channels innermost. lists has room for Wnch events for each position of a window. */
static void grad_x_image(const Sizes *t, real *dx, const real *patches, const real *gz, const word *winners,
                         Event *lists)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol, patch = patch_rows(s) * patch_cols(s);
    int positions[AREA];
    find_positions(t, positions);
    for (len zr = 0; zr < s.Zrow; zr++)
        for (len zc = 0; zc < s.Zcol; zc++, gz++, winners += WORDS * s.Wnch) {
            int n[AREA] = {0};
            for (int k = 0; k < WORDS; k++)
                for (len f = 0; f < s.Wnch; f++)
                    for (uint32_t won = gz[f * P] ? winners[k * s.Wnch + f] : 0; won; won &= won - 1) {
                        const int at = 32 * k + __builtin_ctz(won);
                        Event *e = lists + at * s.Wnch + n[at]++;
                        e->at = f * patch;
                        e->g = gz[f * P];
                    }
            for (int k = 0; k < AREA; k++)
                if (n[k])
                    add_events(t, dx + window_at(s, zr, zc) + positions[k], patches, lists + k * s.Wnch, n[k]);
        }
}

/* The same sums one by one and over every position, winner or not, where something is not finite: 0 * Inf is NaN, and
 * Theano's dense products let it through. y is room for Yrow * Ycol. */
static void add_every_position(const Sizes *t, real *dx, const real *patch, const real *gz,
                               const word *winners, real *y)
{
    const Sizes s = FIXED(t);
    feature_map_gradient(t, y, gz, winners);
    for (len r = 0; r < s.Yrow; r++)
        for (len c = 0; c < s.Ycol; c++, y++)
            for (len i = 0; i < s.Wrow; i++)
                for (len k = 0; k < s.Wcol * s.Xnch; k++)
                    dx[(r + i) * image_cols(s) + c * s.Xnch + k] += *y * patch[i * patch_cols(s) + k];
}

/* dx (Prow, Pcol, Xnch) -> gx (Xnch, Xrow, Xcol), without what fell on padding. */
static void channels_outermost(const Sizes *t, real *gx, const real *dx)
{
    const Sizes s = FIXED(t);
    const len map = s.Xrow * s.Xcol;
    if (s.Prow == s.Xrow && s.Pcol == s.Xcol)
        transpose(gx, map, dx, s.Xnch, map, s.Xnch);
    else
        for (len r = 0; r < s.Xrow; r++)
            transpose(gx + r * s.Xcol, map, dx + ((s.top + r) * s.Pcol + s.left) * s.Xnch, s.Xnch, s.Xcol, s.Xnch);
}

/* w, gz, winners -> gx; all contiguous, of sizes that fit. */
static int grad_x(Scratch *scratch, Sizes s, const real *w, const real *gz, const word *winners, real *gx)
{
    const len P = s.Zrow * s.Zcol, image = s.Xnch * s.Xrow * s.Xcol, patch = patch_rows(s) * patch_cols(s);
    if (s.Wnch * patch > INT32_MAX)                 /* Event.at is an int */
        return TOO_LARGE;
    const len patches_reals = ALIGNED(s.Wnch * patch);
    const len dx_reals = images_reals(s, 1), y_reals = ALIGNED(s.Yrow * s.Ycol);
    const len lists_reals = ALIGNED(AREA * s.Wnch * (len)(sizeof(Event) / sizeof(real)));
    const len thread_reals = dx_reals + y_reals + lists_reals;
    real *patches = get_scratch(scratch, patches_reals + THREADS * thread_reals);
    if (!patches)
        return NO_MEMORY;
    real *of_threads = patches + patches_reals;
    filter_patches(&s, patches, w);
    const int finite = all_finite(w, s.Wnch * s.Xnch * s.Wrow * s.Wcol);
    const int threads = THREADS;
    Share shares[threads];
    share_out(shares, threads, s.B);
    #pragma omp parallel if (s.B * s.Wnch * P * s.Xnch * s.Wrow * s.Wcol > WORTH_THREADS)
    {
        real *dx = of_threads + THREAD * thread_reals;
        real *y = dx + dx_reals, *lists = y + y_reals;
        int tried = 0;
        for (len b; (b = next_task(shares, threads, &tried)) >= 0;) {
            const real *g = gz + b * s.Wnch * P;
            const word *won = winners + b * P * WORDS * s.Wnch;
            memset(dx, 0, dx_reals * sizeof(real));
            if (finite && all_finite(g, s.Wnch * P))
                grad_x_image(&s, dx, patches, g, won, (Event *)lists);
            else
                for (len f = 0; f < s.Wnch; f++)
                    add_every_position(&s, dx, patches + f * patch, g + f * P, won + f, y);
            channels_outermost(&s, gx + b * image, dx);
        }
    }
    return DONE;
}
