/* Forward: Z = max-pooled X * W, in one pass over the images, with the winners if gradients will want them (WINNERS is
 * then defined as 1, else as 0). The feature map never leaves the registers, or a ring of a few rows. Filters lie
 * across the lanes of the vectors; each value of the feature map is summed over (Xnch, Wrow, Wcol), in this order.
 */
#include "conv_pool_tile.h"

/* Rows and columns of a tile. */
ALWAYS_INLINE len tile_rows(void)
{
    return TILE > 0 ? DS0 : 1;
}

ALWAYS_INLINE len tile_cols(const Sizes s)
{
    return TILE > 0 ? DS1 * TILE : s.Ycol >= COLS ? COLS : 1;
}

/* Vectors of the rows that wait for their window, for VL filters. */
ALWAYS_INLINE len ring_vecs(const Sizes s)
{
    return TILE > 0 ? 0 : MIN(DS0, s.Yrow) * s.Ycol;
}

/* One row of windows, whole ones side by side, for VL filters from f on: into zs and winners. */
ALWAYS_INLINE void windows_by_tiles(const Sizes s, const real *x, const uint8_t *lit, const vec *w, len f, len zr,
                                    int lanes, real *zs, word *winners)
{
    len p = zr * s.Zcol;
    for (len zc = 0; zc < s.Zcol; zc += TILE) {
        vec y[AREA * MAX(1, TILE)];
        const vec *rows[DS0];
        for (len r = 0; r < DS0; r++)
            rows[r] = y + r * DS1 * TILE;
        const len at = zr * DS0 * s.Pcol + zc * DS1;
        conv_tile(y, 0, DS0, DS1 * TILE, s, x + at, lit[at], w);
        UNROLL for (int k = 0; k < TILE; k++, p++)
            pool(rows, k * DS1, 0, DS0, 0, DS1, zs + p * VL, WINNERS ? winners + p * WORDS * s.Wnch + f : NULL, s,
                 lanes);
    }
}

/* Rows first <= row < last of the feature map, columns c to c + tile_cols: into the ring, for VECS * VL filters. */
ALWAYS_INLINE void conv_rows(const Sizes *t, vec *ring, len first, len last, len c, const real *x, const uint8_t *lit,
                             const vec *w)
{
    const Sizes s = FIXED(t);
    for (len row = first; row < last; row++) {
        vec *y = ring + row % DS0 * s.Ycol + c;
        const real *xr = x + row * s.Pcol + c;
        if (tile_cols(s) == COLS)
            conv_tile(y, ring_vecs(s), 1, COLS, s, xr, lit[row * s.Pcol + c], w);
        else
            conv_tile(y, ring_vecs(s), 1, 1, s, xr, lit[row * s.Pcol + c], w);
    }
}

/* The same, of many channels: with all registers to itself, which pays for the call. */
NOT_INLINED void conv_rows_apart(const Sizes *t, vec *ring, len first, len last, len c, const real *x,
                                 const uint8_t *lit, const vec *w)
{
    conv_rows(t, ring, first, last, c, x, lit, w);
}

/* One row of any windows, for VECS * VL filters from f on, block by block of their columns. done rows of the feature
 * map are in the ring; returns how many are there now. */
ALWAYS_INLINE len windows_by_rows(const Sizes *t, const real *x, const uint8_t *lit, const vec *w, len f, len zr,
                                  int lanes, real *zs, word *winners, vec *ring, len done)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol, p = zr * s.Zcol, ring_step = ring_vecs(s);
    const len row_0 = zr * ST0 - PD0, cols = tile_cols(s);
    const len r0 = MAX(0, -row_0), r1 = MIN(DS0, s.Yrow - row_0);
    const vec *rows[DS0];
    for (len r = 0; r < DS0; r++)
        rows[r] = ring + (DS0 + row_0 + r) % DS0 * s.Ycol;
    len zc = 0;
    for (len c = 0; c < s.Ycol; c += cols) {
        const len c_0 = MIN(c, s.Ycol - cols);
        (XNCH == 1 ? conv_rows : conv_rows_apart)(t, ring, MAX(done, row_0 + r0), row_0 + r1, c_0, x, lit, w);
        for (; zc < s.Zcol && (zc * ST1 - PD1 + DS1 <= c_0 + cols || c_0 + cols == s.Ycol); zc++) {
            const len col_0 = zc * ST1 - PD1;
            const len c0 = MAX(0, -col_0), c1 = MIN(DS1, s.Ycol - col_0);
            UNROLL for (int v = 0; v < VECS; v++) {
                real *zp = zs + (v * P + p + zc) * VL;
                word *won = WINNERS ? winners + (p + zc) * WORDS * s.Wnch + f + v * VL : NULL;
                if (r0 == 0 && r1 == DS0 && c0 == 0 && c1 == DS1)       /* constants, which unroll */
                    pool(rows, v * ring_step + col_0, 0, DS0, 0, DS1, zp, won, s, lanes);
                else
                    pool(rows, v * ring_step + col_0, r0, r1, c0, c1, zp, won, s, lanes);
            }
        }
    }
    return MAX(done, row_0 + r1);
}

/* One image: x (Xnch, Prow, Pcol) -> z (Wnch, Zrow * Zcol) and winners. lit is the map of its tiles. ring holds DS0
 * rows of Y, zs holds Z, each for VECS * VL filters. Not inlined: its registers are all in use. */
NOT_INLINED void conv_pool_image(const Sizes *t, const real *x, const uint8_t *lit, const real *packed,
                                 real *z, word *winners, vec *ring, real *zs)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol;
    for (len f = 0; f < s.Wnch; f += VECS * VL) {
        const vec *w = (const vec *)packed + f / VL * s.Xnch * s.Wrow * s.Wcol;
        const int lanes = MIN(VL, s.Wnch - f);
        len done = 0;
        for (len zr = 0; zr < s.Zrow; zr++)
            if (TILE > 0)
                windows_by_tiles(s, x, lit, w, f, zr, lanes, zs, winners);
            else
                done = windows_by_rows(t, x, lit, w, f, zr, lanes, zs, winners, ring, done);
        for (int v = 0; v < VECS; v++)
            transpose(z + (f + v * VL) * P, P, zs + v * P * VL, VL, P, lanes);
    }
}

/* W (Wnch, Xnch, Wrow, Wcol) -> (Wnch / VL, Xnch, Wrow, Wcol, VL), turned by 180 degrees where conv2d flips; missing
 * filters are 0. */
static void pack_filters(const Sizes *t, real *packed, const real *w)
{
    const Sizes s = FIXED(t);
    const len window = s.Wrow * s.Wcol, taps = s.Xnch * window;
    for (len f = 0; f < s.Wnch; f += VL, packed += taps * VL) {
        const len lanes = MIN(VL, s.Wnch - f);
        if (lanes < VL)
            memset(packed, 0, taps * VL * sizeof(real));
        transpose(packed, VL, w + f * taps, taps, lanes, taps);
        for (len c = 0; FLIP && c < s.Xnch; c++) {
            vec *first = (vec *)packed + c * window, *last = first + window - 1;
            for (; first < last; first++, last--) {
                const vec v = *first;
                *first = *last, *last = v;
            }
        }
    }
}

/* x, w -> z and, where WINNERS, winners; all contiguous, of sizes that fit. */
static int conv_pool(Scratch *scratch, Sizes s, const real *x, const real *w, real *z, word *winners)
{
    const len P = s.Zrow * s.Zcol, image = s.Xnch * s.Xrow * s.Xcol, taps = s.Xnch * s.Wrow * s.Wcol;
    const int is_padded = s.Prow != s.Xrow || s.Pcol != s.Xcol;
    const len packed_reals = ALIGNED(CEIL_DIV(s.Wnch, VL) * VL * taps);
    const len padded_reals = is_padded ? ALIGNED(s.Xnch * s.Prow * s.Pcol) : 0;
    const len ring_reals = ALIGNED(VECS * ring_vecs(s) * VL);
    const len zs_reals = ALIGNED(VECS * P * VL), lit_reals = ALIGNED(CEIL_DIV(lit_bytes(s), REAL_BYTES));
    const len thread_reals = padded_reals + ring_reals + zs_reals + lit_reals;
    real *packed = get_scratch(scratch, packed_reals + THREADS * thread_reals);
    if (!packed)
        return NO_MEMORY;
    real *of_threads = packed + packed_reals;
    pack_filters(&s, packed, w);
    const int finite = all_finite(w, s.Wnch * taps);
    const int threads = THREADS;
    Share shares[threads];
    share_out(shares, threads, s.B);
    #pragma omp parallel if (s.B * s.Wnch * s.Yrow * s.Ycol * taps > WORTH_THREADS)
    {
        real *padded = of_threads + THREAD * thread_reals;
        real *ring = padded + padded_reals, *zs = ring + ring_reals;
        int tried = 0;
        for (len b; (b = next_task(shares, threads, &tried)) >= 0;) {
            const real *xb = x + b * image;
            uint8_t *lit = (uint8_t *)(zs + zs_reals);
            if (finite)
                lit = find_lit(&s, lit, xb, s.Wrow + tile_rows() - 1, s.Wcol + tile_cols(s) - 1);
            else
                memset(lit, 1, lit_bytes(s));
            if (is_padded) {
                pad_image(&s, padded, xb);
                xb = padded;
            }
            conv_pool_image(&s, xb, lit, packed, z + b * s.Wnch * P, WINNERS ? winners + b * P * WORDS * s.Wnch : NULL,
                            (vec *)ring, zs);
        }
    }
    return DONE;
}
