/* Forward: Z = max-pooled X * W, in one pass over the images, with the winners
 * if gradients will want them. The feature map never leaves the registers, or a
 * ring of a few rows. Filters lie across the lanes of the vectors.
 */

/* As many sums as leave registers for a filter tap and a pixel. */
#define TILE_MAX (REGS - REGS / 4)

/* Two vectors of filters at a time, where few registers make for small tiles: each
 * pixel that is loaded is used twice. Not where one fills the tile with a window. */
#if REGS == 16 && WNCH && WNCH % (2 * VL) == 0 && !PLAIN \
    && (2 * AREA <= TILE_MAX || AREA > TILE_MAX || !WHOLE_WINDOWS)
#define VECS 2
#else
#define VECS 1
#endif

/* Whole windows are summed and pooled in registers: TILE of them side by side. */
#define DIVIDES(n) (AREA * (n) * VECS <= TILE_MAX && ZCOL % (n) == 0)
#if WHOLE_WINDOWS && DIVIDES(1) && !PLAIN
#define TILE (DIVIDES(24) ? 24 : DIVIDES(12) ? 12 : DIVIDES(8) ? 8 : DIVIDES(6) ? 6 \
              : DIVIDES(5) ? 5 : DIVIDES(4) ? 4 : DIVIDES(3) ? 3 : DIVIDES(2) ? 2 : 1)
#else
#define TILE 0
#endif

/* Else rows are summed COLS columns at a time; the last block of a row may
 * overlap the one before. */
#if YCOL
#define COLS CEIL_DIV(YCOL, CEIL_DIV(YCOL, TILE_MAX / VECS))
#else
#define COLS (8 / VECS)
#endif

/* In a long tile, pixels that are kept in registers for the next taps push sums out of them. */
#if REGS == 16 && !TILE && !PLAIN
#define FORGET_PIXELS __asm__ volatile ("" : : : "memory")
#else
#define FORGET_PIXELS
#endif

/* One register tile: out[v * out_step + r * cols + k] = Y[row + r][col + k] for the v-th VL
 * filters. rows and cols are constants at every call, so that out lives in registers;
 * w runs through the packed filters in the order c, i, j. */
ALWAYS_INLINE void conv_tile(vec *out, len out_step, const int rows, const int cols, const Sizes s,
                             const real *x, const vec *w)
{
    vec sum[VECS][TILE_MAX];
    const len taps = s.Xnch * s.Wrow * s.Wcol;
    UNROLL for (int v = 0; v < VECS; v++)
        UNROLL for (int k = 0; k < rows * cols; k++)
            sum[v][k] = (vec){0};
    for (len c = 0; c < s.Xnch; c++)
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

/* Max of one window over rows r0 <= r < r1 and columns c0 <= c < c1 of it, for
 * VL filters. y is a ring of DS0 rows of the feature map, row_0 the window's
 * first row, before clipping. With NaN it does as Theano's Pool does: only a
 * NaN in the first place stays, and then no position equals the maximum. */
ALWAYS_INLINE void pool(const vec *y, len row_length, len row_0,
                        len r0, len r1, len c0, len c1,
                        real *z, word *winners, const Sizes s, int lanes)
{
#define AT(r, c) y[(row_0 + (r)) % DS0 * row_length + (c)]
    vec best = AT(r0, c0);
    UNROLL for (len r = r0; r < r1; r++)
        UNROLL for (len c = c0; c < c1; c++) {
            const vec a = AT(r, c);
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
                        won |= EQUAL(AT(r, c), best) & (int32_t)((uint32_t)1 << k);
                }
            const wordvec words = TO_WORDS(won);
            if (lanes == VL)
                memcpy(winners + n * s.Wnch, &words, sizeof words);
            else
                memcpy(winners + n * s.Wnch, &words, lanes * sizeof(word));
        }
#undef AT
}

/* One row of the feature map. */
ALWAYS_INLINE void conv_row(vec *y, len y_step, const Sizes s, const real *x, const vec *w)
{
    if (s.Ycol >= COLS)
        for (len c = 0; c < s.Ycol; c += COLS) {
            const len c0 = MIN(c, s.Ycol - COLS);
            conv_tile(y + c0, y_step, 1, COLS, s, x + c0, w);
        }
    else
        for (len c = 0; c < s.Ycol; c++)
            conv_tile(y + c, y_step, 1, 1, s, x + c, w);
}

/* Vectors of the rows that wait for their window, for VL filters. */
ALWAYS_INLINE len ring_vecs(const Sizes s)
{
    return TILE ? 0 : MIN(DS0, s.Yrow) * s.Ycol;
}

/* One image: x (Xnch, Prow, Pcol) -> z (Wnch, Zrow * Zcol) and winners.
 * ring holds DS0 rows of Y, zs holds Z, each for VECS * VL filters. */
static void conv_pool_image(const Sizes *t, const real *x, const real *packed,
                            real *z, word *winners, vec *ring, real *zs)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol, ring_step = ring_vecs(s);
    for (len f = 0; f < s.Wnch; f += VECS * VL) {
        const vec *w = (const vec *)packed + f / VL * s.Xnch * s.Wrow * s.Wcol;
        const int lanes = MIN(VL, s.Wnch - f);
        len done = 0;                   /* rows of Y before this one are in the ring */
        for (len zr = 0; zr < s.Zrow; zr++) {
            len p = zr * s.Zcol;
#if TILE
            for (len zc = 0; zc < s.Zcol; zc += TILE) {
                vec y[VECS * AREA * TILE];
                conv_tile(y, AREA * TILE, DS0, DS1 * TILE, s, x + zr * DS0 * s.Pcol + zc * DS1, w);
                UNROLL for (int k = 0; k < TILE; k++, p++)
                    UNROLL for (int v = 0; v < VECS; v++)
                        pool(y + v * AREA * TILE + k * DS1, DS1 * TILE, 0, 0, DS0, 0, DS1,
                             zs + (v * P + p) * VL, winners + p * WORDS * s.Wnch + f + v * VL, s, lanes);
            }
#else
            const len row_0 = zr * ST0 - PD0;
            const len r0 = MAX(0, -row_0), r1 = MIN(DS0, s.Yrow - row_0);
            for (done = MAX(done, row_0 + r0); done < row_0 + r1; done++)
                conv_row(ring + done % DS0 * s.Ycol, ring_step, s, x + done * s.Pcol, w);
            for (len zc = 0; zc < s.Zcol; zc++, p++) {
                const len col_0 = zc * ST1 - PD1;
                const len c0 = MAX(0, -col_0), c1 = MIN(DS1, s.Ycol - col_0);
                UNROLL for (int v = 0; v < VECS; v++) {
                    const vec *y = ring + v * ring_step + col_0;
                    real *zp = zs + (v * P + p) * VL;
                    word *won = winners + p * WORDS * s.Wnch + f + v * VL;
                    if (WHOLE_WINDOWS)              /* the same in constants, which unroll */
                        pool(y, s.Ycol, 0, 0, DS0, 0, DS1, zp, won, s, lanes);
                    else
                        pool(y, s.Ycol, row_0, r0, r1, c0, c1, zp, won, s, lanes);
                }
            }
#endif
        }
        for (int v = 0; v < VECS; v++)
            transpose(z + (f + v * VL) * P, P, zs + v * P * VL, VL, P, lanes);
    }
}

/* W (Wnch, Xnch, Wrow, Wcol) -> (Wnch / VL, Xnch, Wrow, Wcol, VL), turned by
 * 180 degrees where conv2d flips; missing filters are 0. */
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

static int conv_pool_all(Scratch *scratch, PyArrayObject *X, PyArrayObject *W,
                         PyArrayObject **Z, PyArrayObject **winners)
{
    Sizes s;
    if (read_sizes(&s, PyArray_DIMS(X), PyArray_DIMS(W)))
        return -1;
    const len P = s.Zrow * s.Zcol, image = s.Xnch * s.Xrow * s.Xcol;
    npy_intp z_dims[] = {s.B, s.Wnch, s.Zrow, s.Zcol};
    npy_intp winners_dims[] = {s.B, P, WORDS, s.Wnch};
    if (prepare(Z, 4, z_dims, REAL_NUM))
        return -1;
    if (WINNERS && prepare(winners, 4, winners_dims, WORD_NUM))
        return -1;

    const int is_padded = s.Prow != s.Xrow || s.Pcol != s.Xcol;
    const len taps = s.Xnch * s.Wrow * s.Wcol;
    const len packed_reals = ALIGNED(CEIL_DIV(s.Wnch, VL) * VL * taps);
    const len padded_reals = is_padded ? ALIGNED(s.Xnch * s.Prow * s.Pcol) : 0;
    const len ring_reals = ALIGNED(VECS * ring_vecs(s) * VL);
    const len thread_reals = padded_reals + ring_reals + ALIGNED(VECS * P * VL);
    real *packed = get_scratch(scratch, packed_reals + THREADS * thread_reals);
    if (!packed)
        return -1;
    real *of_threads = packed + packed_reals;

    const real *x = (const real *)PyArray_DATA(X);
    real *z = (real *)PyArray_DATA(*Z);
    word *won = WINNERS ? (word *)PyArray_DATA(*winners) : NULL;
    pack_filters(&s, packed, (const real *)PyArray_DATA(W));
    #pragma omp parallel for schedule(static) \
        if (s.B * s.Wnch * s.Yrow * s.Ycol * taps > WORTH_THREADS)
    for (len b = 0; b < s.B; b++) {
        real *padded = of_threads + THREAD * thread_reals;
        real *ring = padded + padded_reals, *zs = ring + ring_reals;
        const real *xb = x + b * image;
        if (is_padded) {
            pad_image(&s, padded, xb);
            xb = padded;
        }
        conv_pool_image(&s, xb, packed, z + b * s.Wnch * P,
                        WINNERS ? won + b * P * WORDS * s.Wnch : NULL, (vec *)ring, zs);
    }
    return 0;
}

static int run(Scratch *scratch, PyArrayObject *X, PyArrayObject *W,
               PyArrayObject **Z, PyArrayObject **winners = NULL)
{
    PyArrayObject *const from[] = {X, W};
    PyArrayObject *in[2];
    const int failed = contiguous(in, from, 2)
        || conv_pool_all(scratch, in[0], in[1], Z, winners);
    release(in, 2);
    return failed;
}
