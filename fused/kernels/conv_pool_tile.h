/* What the forward pass does in registers: a tile of the feature map, and the maximum of a window with its winners. Its
 * sizes follow from those of the layer and the number of registers.
 */
#include "blank.h"

/* As many sums as leave registers for a filter tap and a pixel. */
#define TILE_MAX (REGS - REGS / 4)

enum {
    /* Two vectors of filters at a time, where tiles of one are small: each pixel that is loaded is used twice. */
    SMALL_TILES = REGS == 16 || (!WHOLE_WINDOWS && (XNCH == 1 || (YCOL && YCOL < 8))),
    VECS = SMALL_TILES && WNCH && WNCH % (2 * VL) == 0 ? 2 : 1,

    /* As many as can be; but of images, where blank tiles are passed over, few that keep both multiply-adders busy. */
    SUMS = REGS == 16 || XNCH != 1 ? TILE_MAX : VECS > 1 ? 12 : 8,

    /* Of one vector, whole windows are summed and pooled in registers: TILE of them side by side. */
#define DIVIDES(n) (AREA * (n) <= ((n) > 1 ? SUMS : TILE_MAX) && YCOL / DS1 % (n) == 0)
    TILE = VECS > 1 || !WHOLE_WINDOWS || !DIVIDES(1) ? 0 : DIVIDES(24) ? 24 : DIVIDES(12) ? 12 : DIVIDES(8) ? 8
        : DIVIDES(6) ? 6 : DIVIDES(5) ? 5 : DIVIDES(4) ? 4 : DIVIDES(3) ? 3 : DIVIDES(2) ? 2 : 1,

    /* Else rows are summed COLS columns at a time; the last block of a row may overlap the one before. */
    ROW_TILES = MAX(1, CEIL_DIV(YCOL, SUMS / VECS)),
    COLS = YCOL > 0 ? CEIL_DIV(YCOL, ROW_TILES) : 8 / VECS
};

/* In a long tile, pixels that are kept in registers for the next taps push sums out of them. */
#define FORGET_PIXELS if (REGS == 16 && TILE == 0 && COLS * VECS > 8) __asm__ volatile ("" : : : "memory")

/* One register tile: out[v * out_step + r * cols + k] = Y[row + r][col + k] for the v-th VL filters; 0 where it is not
 * lit. rows and cols are constants at every call, so that out lives in registers; w runs through the packed filters in
 * the order c, i, j. */
ALWAYS_INLINE void conv_tile(vec *out, len out_step, const int rows, const int cols, const Sizes s,
                             const real *x, int is_lit, const vec *w)
{
    vec sum[VECS][TILE_MAX];
    const len taps = s.Xnch * s.Wrow * s.Wcol;
    UNROLL for (int v = 0; v < VECS; v++)
        UNROLL for (int k = 0; k < rows * cols; k++)
            sum[v][k] = (vec){0};
    for (len c = 0; is_lit && c < s.Xnch; c++)
        for (len i = 0; i < s.Wrow; i++) {
            const real *xi = x + (c * s.Prow + i) * s.Pcol;
            for (len j = 0; j < s.Wcol; j++, w++) {
                UNROLL for (int r = 0; r < rows; r++)
                    UNROLL for (int k = 0; k < cols; k++)
                        UNROLL for (int v = 0; v < VECS; v++)
                            sum[v][r * cols + k] += w[v * taps] * xi[r * s.Pcol + j + k];
                FORGET_PIXELS;
            }
        }
    UNROLL for (int v = 0; v < VECS; v++)
        UNROLL for (int k = 0; k < rows * cols; k++)
            out[v * out_step + k] = sum[v][k];
}

/* A lane's word from a lane of its own, step by step: in one, GCC 12 takes the lanes apart for AVX2. */
ALWAYS_INLINE wordvec narrowed(ivec won)
{
    typedef uint32_t words4 __attribute__((vector_size(VL * 4)));
    const words4 words = __builtin_convertvector(won, words4);
#if AREA <= 16
    typedef uint16_t words2 __attribute__((vector_size(VL * 2)));
    return __builtin_convertvector(__builtin_convertvector(words, words2), wordvec);
#else
    return __builtin_convertvector(words, wordvec);
#endif
}

/* Max of one window over rows r0 <= r < r1 and columns c0 <= c < c1 of it, for VL filters; rows[r] + col_0 points to
 * the first value of the window's row r. With NaN it does as Theano's Pool does: only a NaN in the first place stays,
 * and then no position equals the maximum. */
ALWAYS_INLINE void pool(const vec *const *rows, len col_0, len r0, len r1, len c0, len c1,
                        real *z, word *winners, const Sizes s, int lanes)
{
    vec best = rows[r0][col_0 + c0];
    UNROLL for (len r = r0; r < r1; r++)
        UNROLL for (len c = c0; c < c1; c++) {
            const vec a = rows[r][col_0 + c];
            best = a > best ? a : best;
        }
    *(vec *)z = best;
    if (WINNERS)
        for (int n = 0; n < WORDS; n++) {
            ivec won = {0};
            UNROLL for (len r = r0; r < r1; r++)
                UNROLL for (len c = c0; c < c1; c++) {
                    const len k = r * DS1 + c - 32 * n;
                    if (0 <= k && k < 32)
                        won |= (ivec)(rows[r][col_0 + c] == best) & (int32_t)((uint32_t)1 << k);
                }
            const wordvec words = narrowed(won);
            if (lanes == VL)
                memcpy(winners + n * s.Wnch, &words, sizeof words);
            else
                memcpy(winners + n * s.Wnch, &words, lanes * sizeof(word));
        }
}
