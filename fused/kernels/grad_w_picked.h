/* Form for filters of one channel and small windows: filters across the lanes. Each lane picks its winner's pixels out
 * of those under the window, which fit one vector or two, by a permutation. */
#define GRAD_W_FORM "picked"
#include "grad_w_sparse.h"

enum {
    GROUP = VL,
    TWO_VECTORS = DS0 > 2               /* of pixels at hand: each has two rows */
};

/* (Prow, Pcol, 2): each pixel, and the one below. */
ALWAYS_INLINE len image_reals(const Sizes s)
{
    return s.Prow * s.Pcol * 2;
}

static void load_image(const Sizes *t, real *xs, const real *x)
{
    const Sizes s = FIXED(t);
    const len pixels = s.Prow * s.Pcol, above = pixels - s.Pcol;
    if (s.Prow != s.Xrow || s.Pcol != s.Xcol) {
        pad_image(t, xs + pixels, x);                   /* overtaken in the last row alone */
        x = xs + pixels;
    }
    for (len k = 0; k < above; k++)
        xs[k * 2] = x[k], xs[k * 2 + 1] = x[k + s.Pcol];
    for (len k = above; k < pixels; k++)
        xs[k * 2] = x[k], xs[k * 2 + 1] = 0;
}

/* (Wrow, Wcol, VL). */
ALWAYS_INLINE len group_reals(const Sizes s)
{
    return TAPS * VL;
}

ALWAYS_INLINE len sum_at(const Sizes s, len f, len c, len i, len j)
{
    return (i * WCOL + j) * VL + f;
}

/* A lane's word in a lane of its own. Step by step: compilers widen to twice the width at a time, or value by value. */
ALWAYS_INLINE ivec widened(wordvec words)
{
    typedef uint32_t words4 __attribute__((vector_size(VL * 4)));
    typedef uint16_t words2 __attribute__((vector_size(VL * 2)));
    return __builtin_convertvector(__builtin_convertvector(__builtin_convertvector(words, words2), words4), ivec);
}

ALWAYS_INLINE int any(wordvec words)
{
    uint64_t parts[CEIL_DIV(sizeof words, 8)] = {0}, found = 0;
    memcpy(parts, &words, sizeof words);
    for (size_t k = 0; k < sizeof parts / 8; k++)
        found |= parts[k];
    return found != 0;
}

/* Where in the pixels at hand a lane's winner is, whose bit is the only one that is set; 0 where none is. */
ALWAYS_INLINE ivec places(ivec bit)
{
    ivec of_position;
    UNROLL for (int k = 0; k < VL; k++)
        of_position[k] = k / DS1 / 2 * VL + k % DS1 * 2 + k / DS1 % 2;
    const vec power = __builtin_convertvector(bit, vec);           /* its exponent is the bit's number */
    const ivec k = ((ivec)power >> (REAL_BYTES == 4 ? 23 : 52)) - (REAL_BYTES == 4 ? 127 : 1023);
    return __builtin_shuffle(of_position, k) & (bit != 0);
}

/* A winner for each lane: where in the pixels at hand from x on, and what is to be added of them. */
typedef struct { ivec at; vec g; const real *x; } Picks;

/* sums += g * x[at ...], pick after pick. */
NOT_INLINED void add_picks(const Sizes *t, vec *sums, const Picks *picks, len n)
{
    const Sizes s = FIXED(t);
    vec sum[TAPS];
    UNROLL for (int k = 0; k < TAPS; k++)
        sum[k] = sums[k];
    for (; n > 0; n--, picks++) {
        const ivec at = picks->at;
        const vec g = picks->g;
        const real *xi = picks->x;
        UNROLL for (int i = 0; i < WROW; i++, xi += s.Pcol * 2) {
            __asm__("" : "+r"(xi));         /* or else pixels wait in registers for the next row */
            const vec rows = *(const loose *)xi, next = TWO_VECTORS ? *(const loose *)(xi + s.Pcol * 4) : rows;
            UNROLL for (int j = 0; j < WCOL; j++)
                sum[i * WCOL + j] += g * (TWO_VECTORS ? __builtin_shuffle(rows, next, at + j * 2)
                                                      : __builtin_shuffle(rows, at + j * 2));
        }
    }
    UNROLL for (int k = 0; k < TAPS; k++)
        sums[k] = sum[k];
}

/* sums += sum of g * x[winner ...] over the windows of an image. Winners are found for many windows, then added: a
 * window's additions would wait long for its winners. */
static void add_winners(const Sizes *t, vec *sums, const real *x, const word *lit, const vec *g, const word *w)
{
    const Sizes s = FIXED(t);
    Picks picks[32 + AREA];
    len n = 0;
    for (len zr = 0; zr < s.Zrow; zr++)
        for (len zc = 0; zc < s.Zcol; zc++, g++, lit++, w += s.Wnch) {
            wordvec won;
            memcpy(&won, w, sizeof won);
            for (won &= *lit; any(won); won &= won - 1) {
                const ivec bit = widened(won & -won);
                picks[n].at = places(bit);
                picks[n].g = bit != 0 ? *g : (vec){0};
                picks[n++].x = x + window_at(s, zr, zc) * 2;
            }
            if (n >= 32) {
                add_picks(t, sums, picks, n);
                n = 0;
            }
        }
    add_picks(t, sums, picks, n);
}

/* scratch is room for a feature map, or gz of an image, (Zrow, Zcol, VL). */
static void grad_w_task(const Sizes *t, real *sums, const Image *images, const real *gz, const word *winners,
                        len b0, len b1, len f0, len f1, real *scratch)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol;
    memset(sums, 0, group_reals(s) * sizeof(real));
    for (len b = b0; b < b1; b++) {
        const real *g = gz + (b * s.Wnch + f0) * P;
        const word *w = winners + b * P * s.Wnch + f0;
        if (images[b].is_finite && all_finite(g, VL * P)) {
            transpose(scratch, VL, g, P, VL, P);
            add_winners(t, (vec *)sums, images[b].x, images[b].lit, (const vec *)scratch, w);
        } else
            for (len f = 0; f < f1 - f0; f++)
                add_every_position(t, sums, f, images[b].x, 2, g + f * P, w + f, scratch);
    }
}
