/* What the gradients have in common: only winners carry gradient.
 *
 * With channels innermost, the row of X under a row of a filter is one run of Wcol * Xnch reals, so that each winner
 * is Wrow runs to be added, scaled: an Event says where they start, and the scale.
 *
 *   dW[f]    = sum over windows, winners of f:   g * X[window + winner ...]
 *   dX[y, x] = sum over filters that won there:  g * W[f]
 *
 * Both are accumulate() below. It takes whole vectors; lanes and rows beyond the run collect what nobody reads (dW) or
 * zeros (dX, where W is padded). Events are added one after the other, in their order.
 */
#include "blank.h"

typedef struct { int at; real g; } Event;

#define RUN (XNCH * WCOL)               /* 0 where not known */

/* Lanes of these vectors: half the width where a run fits into that. */
#undef GL
#if RUN && RUN <= VL / 2
#define GL (VL / 2)
#else
#define GL VL
#endif
typedef real gvec __attribute__((vector_size(GL * REAL_BYTES), aligned(REAL_BYTES), may_alias));

/* A block of BLOCK_ROWS rows x BLOCK_VECS vectors is summed in registers: as few blocks as there can be, and alike. */
enum {
    IS_KNOWN = RUN > 0 && WROW > 0,
    RUN_VECS = CEIL_DIV(RUN, GL),
    BLOCK_VECS = IS_KNOWN ? CEIL_DIV(RUN_VECS, CEIL_DIV(RUN_VECS, REGS - 4)) : 1,
    ROWS_MAX = (REGS - 4) / BLOCK_VECS,
    BLOCK_ROWS = IS_KNOWN ? CEIL_DIV(WROW, CEIL_DIV(WROW, ROWS_MAX)) : 4
};

/* Rows and reals per row of a filter's patch, in whole blocks. */
ALWAYS_INLINE len patch_rows(const Sizes s)
{
    return CEIL_DIV(s.Wrow, BLOCK_ROWS) * BLOCK_ROWS;
}

ALWAYS_INLINE len patch_cols(const Sizes s)
{
    return CEIL_DIV(s.Wcol * s.Xnch, BLOCK_VECS * GL) * BLOCK_VECS * GL;
}

/* Reals per row of an image. */
ALWAYS_INLINE len image_cols(const Sizes s)
{
    return s.Pcol * s.Xnch;
}

/* Reals of n padded images, channels innermost, readable to the end of the last one's last patch. */
ALWAYS_INLINE len images_reals(const Sizes s, len n)
{
    return ALIGNED(n * s.Prow * s.Pcol * s.Xnch + patch_rows(s) * s.Pcol * s.Xnch + patch_cols(s));
}

/* dst += sum of g * src[at ...] over the n events: Wrow rows of Wcol * Xnch reals, dst_row and src_row reals apart. */
ALWAYS_INLINE void accumulate(const Sizes s, real *dst, len dst_row, const real *src, len src_row,
                              const Event *events, len n)
{
    for (len i0 = 0; i0 < s.Wrow; i0 += BLOCK_ROWS)
        for (len v0 = 0; v0 < s.Wcol * s.Xnch; v0 += BLOCK_VECS * GL) {
            real *d = dst + i0 * dst_row + v0;
            gvec sum[BLOCK_ROWS][BLOCK_VECS];
            UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
                UNROLL for (int v = 0; v < BLOCK_VECS; v++)
                    sum[i][v] = *(gvec *)(d + i * dst_row + v * GL);
            for (len e = 0; e < n; e++) {
                const real g = events[e].g;
                const real *p = src + events[e].at + i0 * src_row + v0;
                UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
                    UNROLL for (int v = 0; v < BLOCK_VECS; v++)
                        sum[i][v] += g * *(const gvec *)(p + i * src_row + v * GL);
            }
            UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
                UNROLL for (int v = 0; v < BLOCK_VECS; v++)
                    *(gvec *)(d + i * dst_row + v * GL) = sum[i][v];
        }
}

/* Where a window starts in an image, and where its positions are from there. */
ALWAYS_INLINE len window_at(const Sizes s, len zr, len zc)
{
    return (zr * ST0 - PD0) * image_cols(s) + (zc * ST1 - PD1) * s.Xnch;
}

static inline void find_positions(const Sizes *t, int *positions)
{
    const Sizes s = FIXED(t);
    for (int k = 0; k < AREA; k++)
        positions[k] = k / DS1 * image_cols(s) + k % DS1 * s.Xnch;
}

/* y (Yrow, Ycol) = the gradient of one filter's feature map, from gz (Zrow, Zcol) and its winners. */
static inline void feature_map_gradient(const Sizes *t, real *y, const real *gz, const word *winners)
{
    const Sizes s = FIXED(t);
    memset(y, 0, s.Yrow * s.Ycol * sizeof(real));
    for (len zr = 0; zr < s.Zrow; zr++)
        for (len zc = 0; zc < s.Zcol; zc++, gz++)
            for (int n = 0; n < WORDS; n++, winners += s.Wnch)
                for (uint32_t won = *winners; won; won &= won - 1) {
                    const int k = 32 * n + __builtin_ctz(won);
                    y[(zr * ST0 - PD0 + k / DS1) * s.Ycol + zc * ST1 - PD1 + k % DS1] += *gz;
                }
}
