/* Where images are blank, 0 under the whole of a filter: there a feature map is 0, and the filter's gradient gets
 * nothing, to the last bit, as long as all else is finite. Two fifths of MNIST's patches of 5 x 5 are blank.
 */
#include "sizes.h"

/* Room for a map of an image, for windows that reach over its edges, and for whole vectors. */
ALWAYS_INLINE len lit_before(const Sizes s)
{
    return PD0 * s.Pcol + PD1;
}

ALWAYS_INLINE len lit_bytes(const Sizes s)
{
    return lit_before(s) + (s.Prow + s.Wrow + PD0 + DS0) * s.Pcol + s.Wcol + PD1 + DS1 + REGS + VBYTES;
}

/* lit[k] |= lit[k + step] | ... | lit[k + (n - 1) * step], for whole vectors: reads VBYTES + (n - 1) * step beyond. */
ALWAYS_INLINE void spread(uint8_t *lit, len size, len step, len n)
{
    typedef uint8_t bytes __attribute__((vector_size(VBYTES), aligned(1), may_alias));
    UNROLL for (len have = 1; have < n; have = MIN(4 * have, n))
        for (len k = 0; k < size; k += VBYTES) {
            bytes found = *(bytes *)(lit + k);
            UNROLL for (len i = 1; i < 4; i++)
                found |= *(bytes *)(lit + k + MIN(i * have, n - have) * step);
            *(bytes *)(lit + k) = found;
        }
}

/* The map (Prow, Pcol) of x (Xnch, Xrow, Xcol): 0 where x, with the zeros around it, is 0 in all the rows x cols pixels
 * from there on. room is of lit_bytes. */
static inline uint8_t *find_lit(const Sizes *t, uint8_t *room, const real *x, len rows, len cols)
{
    const Sizes s = FIXED(t);
    uint8_t *lit = room + lit_before(s);
    memset(room, 0, lit_bytes(s));
    const int has_gaps = s.Pcol != s.Xcol;          /* between rows */
    const len rows_at_once = has_gaps ? 1 : s.Xrow, reals = rows_at_once * s.Xcol;
    for (len c = 0; c < s.Xnch; c++)
        for (len r = 0; r < s.Xrow; r += rows_at_once, x += reals) {
            uint8_t *row = lit + (s.top + r) * s.Pcol + s.left;
            for (len k = 0; k < reals; k++)
                row[k] |= x[k] != 0;
        }
    spread(lit, s.Prow * s.Pcol, 1, cols);
    spread(lit, s.Prow * s.Pcol, s.Pcol, rows);
    return lit;
}

static inline int all_finite(const real *x, len n)
{
    /* v - v is 0, of no bit set, for every finite v and NaN otherwise. */
    const len whole = n - n % VL;
    ivec wrong = {0};
    for (len k = 0; k < whole; k += VL) {
        const vec v = *(const loose *)(x + k);
        wrong |= (ivec)(v - v);
    }
    integer any = 0;
    for (len k = whole; k < n; k++)
        any |= x[k] - x[k] != 0;
    for (int l = 0; l < VL; l++)
        any |= wrong[l];
    return !any;
}
