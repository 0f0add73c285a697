/* Forward: Z = max-pooled X * W, in one pass over the images, with the winners
 * if gradients will want them. The feature map never leaves the registers, or a
 * ring of a few rows. Filters lie across the lanes of the vectors.
 */

/* As many sums as leave registers for a filter tap and a pixel. */
#define TILE_MAX (REGS - REGS / 4)

/* Whole windows are summed and pooled in registers: TILE of them side by side. */
#define DIVIDES(n) (DS0 * DS1 * (n) <= TILE_MAX && ZCOL % (n) == 0)
#if WHOLE_WINDOWS && DIVIDES(1) && !PLAIN
#define TILE (DIVIDES(24) ? 24 : DIVIDES(12) ? 12 : DIVIDES(8) ? 8 : DIVIDES(6) ? 6 \
              : DIVIDES(5) ? 5 : DIVIDES(4) ? 4 : DIVIDES(3) ? 3 : DIVIDES(2) ? 2 : 1)
#else
#define TILE 0
#endif

/* Else rows are summed COLS columns at a time; the last block of a row may
 * overlap the one before. */
#if YCOL
#define COLS CEIL_DIV(YCOL, CEIL_DIV(YCOL, TILE_MAX))
#else
#define COLS 8
#endif

/* One register tile: out[r * cols + k] = Y[row + r][col + k] for VL filters.
 * rows and cols are constants at every call, so that out lives in registers;
 * w runs through the packed filters in the order c, i, j. */
ALWAYS_INLINE void conv_tile(vec *out, const int rows, const int cols, const Sizes s,
                             const real *x, const vec *w)
{
    vec sum[TILE_MAX];
    UNROLL for (int k = 0; k < rows * cols; k++)
        sum[k] = (vec){0};
    for (len c = 0; c < s.Xnch; c++)
        for (len i = 0; i < s.Wrow; i++) {
            const real *xi = x + (c * s.Prow + i) * s.Pcol;
            for (len j = 0; j < s.Wcol; j++) {
                const vec wj = *w++;
                UNROLL for (int r = 0; r < rows; r++)
                    UNROLL for (int k = 0; k < cols; k++)
                        sum[r * cols + k] += wj * xi[r * s.Pcol + j + k];
            }
        }
    UNROLL for (int k = 0; k < rows * cols; k++)
        out[k] = sum[k];
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
ALWAYS_INLINE void conv_row(vec *y, const Sizes s, const real *x, const vec *w)
{
    if (s.Ycol >= COLS)
        for (len c = 0; c < s.Ycol; c += COLS) {
            const len c0 = MIN(c, s.Ycol - COLS);
            conv_tile(y + c0, 1, COLS, s, x + c0, w);
        }
    else
        for (len c = 0; c < s.Ycol; c++)
            conv_tile(y + c, 1, 1, s, x + c, w);
}

/* One image: x (Xnch, Prow, Pcol) -> z (Wnch, Zrow * Zcol) and winners.
 * ring holds DS0 rows of Y, zs holds Z, each for VL filters. */
static void conv_pool_image(const Sizes *t, const real *x, const real *packed,
                            real *z, word *winners, vec *ring, real *zs)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol;
    for (len f = 0; f < s.Wnch; f += VL) {
        const vec *w = (const vec *)packed + f / VL * s.Xnch * s.Wrow * s.Wcol;
        const int lanes = MIN(VL, s.Wnch - f);
        len done = 0;                   /* rows of Y before this one are in the ring */
        for (len zr = 0; zr < s.Zrow; zr++) {
            len p = zr * s.Zcol;
#if TILE
            for (len zc = 0; zc < s.Zcol; zc += TILE) {
                vec y[DS0 * DS1 * TILE];
                conv_tile(y, DS0, DS1 * TILE, s, x + zr * DS0 * s.Pcol + zc * DS1, w);
                UNROLL for (int k = 0; k < TILE; k++, p++)
                    pool(y + k * DS1, DS1 * TILE, 0, 0, DS0, 0, DS1,
                         zs + p * VL, winners + p * WORDS * s.Wnch + f, s, lanes);
            }
#else
            const len row_0 = zr * ST0 - PD0;
            const len r0 = MAX(0, -row_0), r1 = MIN(DS0, s.Yrow - row_0);
            for (done = MAX(done, row_0 + r0); done < row_0 + r1; done++)
                conv_row(ring + done % DS0 * s.Ycol, s, x + done * s.Pcol, w);
            for (len zc = 0; zc < s.Zcol; zc++, p++) {
                const len col_0 = zc * ST1 - PD1;
                const len c0 = MAX(0, -col_0), c1 = MIN(DS1, s.Ycol - col_0);
                pool(ring + col_0, s.Ycol, row_0, r0, r1, c0, c1,
                     zs + p * VL, winners + p * WORDS * s.Wnch + f, s, lanes);
            }
#endif
        }
        transpose(z + f * P, P, zs, VL, P, lanes);
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
    const len ring_reals = TILE ? 0 : ALIGNED(MIN(DS0, s.Yrow) * s.Ycol * VL);
    const len thread_reals = padded_reals + ring_reals + ALIGNED(P * VL);
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
