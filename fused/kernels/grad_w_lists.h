/* Form for all other filters: a filter's winners are listed until it is worth summing. */
#define GRAD_W_FORM "lists"
#include "grad_w_patches.h"

enum { EVENTS = 512 };                  /* of a list */

/* Not inlined: its registers are all in use. */
NOT_INLINED void add_events(const Sizes *t, real *dst, const real *xs, const Event *events, len n)
{
    const Sizes s = FIXED(t);
    accumulate(s, dst, patch_cols(s), xs, image_cols(s), events, n);
}

/* scratch is room for a feature map. */
static void grad_w_task(const Sizes *t, real *sums, const Image *images, const real *gz, const word *winners,
                        len b0, len b1, len f0, len f1, real *scratch)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol, patch = patch_rows(s) * patch_cols(s);
    int positions[AREA];
    const real *xs = images[b0].x;
    Event events[GROUP][EVENTS];
    len n[GROUP] = {0};
    find_positions(t, positions);
    memset(sums, 0, group_reals(s) * sizeof(real));
    for (len b = b0; b < b1; b++)
        for (len f = f0; f < f1; f++) {
            const real *g = gz + (b * s.Wnch + f) * P;
            const word *w = winners + b * P * WORDS * s.Wnch + f;
            real *dst = sums + (f - f0) * patch;
            if (!images[b].is_finite || !all_finite(g, P)) {
                add_every_position(t, sums, f - f0, images[b].x, s.Xnch, g, w, scratch);
                continue;
            }
            Event *list = events[f - f0];
            len m = n[f - f0];
            const word *lit = images[b].lit;
            for (len zr = 0; zr < s.Zrow; zr++)
                for (len zc = 0; zc < s.Zcol; zc++, g++) {
                    const len at = images[b].x - xs + window_at(s, zr, zc);
                    for (int k = 0; k < WORDS; k++, w += s.Wnch, lit++)
                        for (uint32_t won = *g ? *w & *lit : 0; won; won &= won - 1) {
                            list[m].at = at + positions[32 * k + __builtin_ctz(won)];
                            list[m].g = *g;
                            if (++m == EVENTS) {
                                add_events(t, dst, xs, list, m);
                                m = 0;
                            }
                        }
                }
            n[f - f0] = m;
        }
    for (len f = f0; f < f1; f++)
        add_events(t, sums + (f - f0) * patch, xs, events[f - f0], n[f - f0]);
}
