/* Form for filters whose whole patch fits into registers: winners are added as they are met. */
#define GRAD_W_FORM "patch"
#include "grad_w_patches.h"

/* dst += sum of g * x[winner ...] over the windows of an image and a filter. */
NOT_INLINED void add_winners(const Sizes *t, real *dst, const real *x, const word *lit, const real *g, const word *w,
                             const int *positions)
{
    const Sizes s = FIXED(t);
    const len x_row = image_cols(s), dst_row = patch_cols(s);
    gvec sum[BLOCK_ROWS][BLOCK_VECS];
    UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
        UNROLL for (int v = 0; v < BLOCK_VECS; v++)
            sum[i][v] = *(const gvec *)(dst + i * dst_row + v * GL);
    for (len zr = 0; zr < s.Zrow; zr++)
        for (len zc = 0; zc < s.Zcol; zc++, g++)
            for (int n = 0; n < WORDS; n++, w += s.Wnch, lit++)
                for (uint32_t won = *w & *lit; won; won &= won - 1) {
                    const real *p = x + window_at(s, zr, zc) + positions[32 * n + __builtin_ctz(won)];
                    UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
                        UNROLL for (int v = 0; v < BLOCK_VECS; v++)
                            sum[i][v] += *g * *(const gvec *)(p + i * x_row + v * GL);
                }
    UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
        UNROLL for (int v = 0; v < BLOCK_VECS; v++)
            *(gvec *)(dst + i * dst_row + v * GL) = sum[i][v];
}

/* scratch is room for a feature map. */
static void grad_w_task(const Sizes *t, real *sums, const Image *images, const real *gz, const word *winners,
                        len b0, len b1, len f0, len f1, real *scratch)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol;
    int positions[AREA];
    find_positions(t, positions);
    memset(sums, 0, group_reals(s) * sizeof(real));
    for (len b = b0; b < b1; b++)
        for (len f = f0; f < f1; f++) {
            const real *g = gz + (b * s.Wnch + f) * P;
            const word *w = winners + b * P * WORDS * s.Wnch + f;
            real *dst = sums + (f - f0) * patch_rows(s) * patch_cols(s);
            if (images[b].is_finite && all_finite(g, P))
                add_winners(t, dst, images[b].x, images[b].lit, g, w, positions);
            else
                add_every_position(t, sums, f - f0, images[b].x, s.Xnch, g, w, scratch);
        }
}
