/* dW. Tasks are groups of filters x chunks of images. Both are cut without asking
 * for the number of threads, and chunks are added in order, so that the sums are
 * the same to the last bit on any machine with these vectors.
 *
 * Two forms of a task: the sparse one, and for few taps and small windows, where
 * going after the winners costs more than it saves, a dense one.
 */

#define TAPS (XNCH * WROW * WCOL)
#define DENSE (WHOLE_WINDOWS && !PLAIN && WNCH && WNCH % VL == 0 \
               && TAPS && TAPS <= REGS - 6 && AREA * TAPS <= 7 * VL)
#define CHUNKS_MAX 64

#if DENSE

#define GROUP VL
#define CHUNK(s) 4

/* Of one image: channels outermost, as they come. */
ALWAYS_INLINE len image_reals(const Sizes s)
{
    return s.Xnch * s.Prow * s.Pcol;
}

static int load_image(const Sizes *t, real *xs, const real *x)
{
    pad_image(t, xs, x);
    return 1;
}

/* Of one group's sums: (Xnch, Wrow, Wcol, VL). */
ALWAYS_INLINE len group_reals(const Sizes s)
{
    return TAPS * VL;
}

ALWAYS_INLINE len sum_at(const Sizes s, len f, len c, len i, len j)
{
    return ((c * WROW + i) * WCOL + j) * VL + f;
}

/* All sums in registers, filters across the lanes; y is 0 where a filter's window
 * was not won. scratch is room for gz of an image, (Zrow, Zcol, VL). */
static void grad_w_task(const Sizes *t, real *sums, const real *xs, const char *finite,
                        const real *gz, const word *winners,
                        len b0, len b1, len f, len f1, real *scratch)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol;
    vec sum[TAPS];
    UNROLL for (int n = 0; n < TAPS; n++)
        sum[n] = (vec){0};
    for (len b = b0; b < b1; b++) {
        const word *w = winners + b * P * s.Wnch + f;
        transpose(scratch, VL, gz + (b * s.Wnch + f) * P, P, VL, P);
        for (len p = 0; p < P; p++, w += s.Wnch) {
            const real *x = xs + b * image_reals(s)
                + p / s.Zcol * DS0 * s.Pcol + p % s.Zcol * DS1;
            const vec g = ((const vec *)scratch)[p];
            wordvec words;
            memcpy(&words, w, sizeof words);
            const ivec won = __builtin_convertvector(words, ivec);
            for (int k = 0; k < AREA; k++) {
                const vec y = (won & (1 << k)) != 0 ? g : (vec){0};
                const real *xk = x + k / DS1 * s.Pcol + k % DS1;
                UNROLL for (int n = 0; n < TAPS; n++)
                    sum[n] += y * xk[(n / (WROW * WCOL) * s.Prow + n / WCOL % WROW) * s.Pcol
                                     + n % WCOL];
            }
        }
    }
    UNROLL for (int n = 0; n < TAPS; n++)
        ((vec *)sums)[n] = sum[n];
}

#else /* not DENSE */

#define GROUP 4
/* Enough images to fill the lists of events. */
#define CHUNK(s) MAX(16, EVENTS / MAX(1, (s).Zrow * (s).Zcol))
#define EVENTS 512

/* Of one image, channels innermost. */
ALWAYS_INLINE len image_reals(const Sizes s)
{
    return s.Prow * image_cols(s);
}

/* x (Xnch, Xrow, Xcol) -> (Prow, Pcol, Xnch); whether all of it is finite. */
static int load_image(const Sizes *t, real *xs, const real *x)
{
    const Sizes s = FIXED(t);
    const len map = s.Xrow * s.Xcol;
    if (s.Xnch == 1)
        pad_image(t, xs, x);
    else if (s.Prow == s.Xrow && s.Pcol == s.Xcol)
        transpose(xs, s.Xnch, x, map, s.Xnch, map);
    else {
        memset(xs, 0, image_reals(s) * sizeof(real));
        for (len r = 0; r < s.Xrow; r++)
            transpose(xs + ((s.top + r) * s.Pcol + s.left) * s.Xnch, s.Xnch,
                      x + r * s.Xcol, map, s.Xnch, s.Xcol);
    }
    return all_finite(x, s.Xnch * map);
}

/* Of one group's sums: GROUP patches. */
ALWAYS_INLINE len group_reals(const Sizes s)
{
    return GROUP * patch_rows(s) * patch_cols(s);
}

ALWAYS_INLINE len sum_at(const Sizes s, len f, len c, len i, len j)
{
    return (f * patch_rows(s) + i) * patch_cols(s) + j * s.Xnch + c;
}

/* A whole patch in registers? Then winners are added as they are met. */
#define ONE_BLOCK (RUN && WROW && !PLAIN && BLOCK_ROWS >= WROW && BLOCK_VECS * GL >= RUN)

#if ONE_BLOCK

/* dst += sum of g * x[winner ...] over the windows of an image and a filter. */
static __attribute__((noinline)) void accumulate_winners(const Sizes *t, real *dst, const real *x, const real *g,
                                                         const word *w, const int *positions)
{
    const Sizes s = FIXED(t);
    const len x_row = image_cols(s), dst_row = patch_cols(s);
    gvec sum[BLOCK_ROWS][BLOCK_VECS];
    UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
        UNROLL for (int v = 0; v < BLOCK_VECS; v++)
            sum[i][v] = *(const gvec *)(dst + i * dst_row + v * GL);
    for (len zr = 0; zr < s.Zrow; zr++)
        for (len zc = 0; zc < s.Zcol; zc++, g++)
            for (int n = 0; n < WORDS; n++, w += s.Wnch)
                for (uint32_t won = *w; won; won &= won - 1) {
                    const real *p = x + window_at(s, zr, zc) + positions[32 * n + __builtin_ctz(won)];
                    UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
                        UNROLL for (int v = 0; v < BLOCK_VECS; v++)
                            sum[i][v] += *g * *(const gvec *)(p + i * x_row + v * GL);
                }
    UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
        UNROLL for (int v = 0; v < BLOCK_VECS; v++)
            *(gvec *)(dst + i * dst_row + v * GL) = sum[i][v];
}

static void grad_w_task(const Sizes *t, real *sums, const real *xs, const char *finite,
                        const real *gz, const word *winners,
                        len b0, len b1, len f0, len f1, real *scratch)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol;
    int positions[AREA];
    find_positions(t, positions);
    memset(sums, 0, group_reals(s) * sizeof(real));
    for (len b = b0; b < b1; b++)
        for (len f = f0; f < f1; f++) {
            const real *x = xs + b * image_reals(s), *g = gz + (b * s.Wnch + f) * P;
            const word *w = winners + b * P * WORDS * s.Wnch + f;
            real *dst = sums + (f - f0) * patch_rows(s) * patch_cols(s);
            if (finite[b])
                accumulate_winners(t, dst, x, g, w, positions);
            else
                accumulate_dense(t, dst, x, g, w, scratch);
        }
}

#else /* not ONE_BLOCK */

/* Images b0 <= b < b1, filters f0 <= f < f1. The winners of a filter are listed
 * until it is worth summing. scratch is room for a feature map. */
static void grad_w_task(const Sizes *t, real *sums, const real *xs, const char *finite,
                        const real *gz, const word *winners,
                        len b0, len b1, len f0, len f1, real *scratch)
{
    const Sizes s = FIXED(t);
    const len P = s.Zrow * s.Zcol, image = image_reals(s);
    const len patch = patch_rows(s) * patch_cols(s);
    int positions[AREA];
    Event events[GROUP][EVENTS + CHAINS];
    len n[GROUP] = {0};
    find_positions(t, positions);
    memset(sums, 0, group_reals(s) * sizeof(real));
    for (len b = b0; b < b1; b++)
        for (len f = f0; f < f1; f++) {
            const real *g = gz + (b * s.Wnch + f) * P;
            const word *w = winners + b * P * WORDS * s.Wnch + f;
            real *dst = sums + (f - f0) * patch;
            if (!finite[b]) {
                accumulate_dense(t, dst, xs + b * image, g, w, scratch);
                continue;
            }
            Event *list = events[f - f0];
            len m = n[f - f0];
            for (len zr = 0; zr < s.Zrow; zr++)
                for (len zc = 0; zc < s.Zcol; zc++, g++) {
                    const len at = (b - b0) * image + window_at(s, zr, zc);
                    for (int k = 0; k < WORDS; k++, w += s.Wnch)
                        for (uint32_t won = *w; won; won &= won - 1) {
                            list[m].at = at + positions[32 * k + __builtin_ctz(won)];
                            list[m].g = *g;
                            if (++m == EVENTS) {
                                accumulate(t, dst, xs + b0 * image, list, m);
                                m = 0;
                            }
                        }
                }
            n[f - f0] = m;
        }
    for (len f = f0; f < f1; f++)
        accumulate(t, sums + (f - f0) * patch, xs + b0 * image, events[f - f0], n[f - f0]);
}

#endif /* ONE_BLOCK */
#endif /* DENSE */

/* The chunks' sums for filters f0 <= f < f1 -> gw (Wnch, Xnch, Wrow, Wcol). */
static void add_chunks(const Sizes *t, real *gw, real *sums, len chunks, len groups,
                       len f0, len f1)
{
    const Sizes s = FIXED(t);
    const len window = s.Wrow * s.Wcol, reals = group_reals(s);
    if (!chunks)
        memset(sums, 0, reals * sizeof(real));
    for (len n = 1; n < chunks; n++)
        for (len k = 0; k < reals; k++)
            sums[k] += sums[n * groups * reals + k];
    for (len f = f0; f < f1; f++)
        for (len c = 0; c < s.Xnch; c++)
            for (len i = 0; i < s.Wrow; i++)
                for (len j = 0; j < s.Wcol; j++) {
                    const len k = i * s.Wcol + j;
                    gw[(f * s.Xnch + c) * window + (FLIP ? window - 1 - k : k)] =
                        sums[sum_at(s, f - f0, c, i, j)];
                }
}

static int gradient(Scratch *scratch, PyArrayObject *X, PyArrayObject *gZ,
                    PyArrayObject *winners, len Wrow, len Wcol, PyArrayObject **gW)
{
    Sizes s;
    npy_intp w_dims[] = {PyArray_DIMS(gZ)[1], PyArray_DIMS(X)[1], Wrow, Wcol};
    if (read_sizes(&s, PyArray_DIMS(X), w_dims) || check_gradient(&s, gZ, winners)
        || prepare(gW, 4, w_dims, REAL_NUM))
        return -1;
    const len image = image_reals(s), group = group_reals(s);
    const len pieces = MIN(CHUNKS_MAX, CEIL_DIV(s.B, CHUNK(s)));
    const len chunk = pieces ? CEIL_DIV(s.B, pieces) : 1;
    const len chunks = CEIL_DIV(s.B, chunk), groups = CEIL_DIV(s.Wnch, GROUP);
    if (check_offsets(chunk * image))
        return -1;

    const len xs_reals = images_reals(s, s.B);
    const len sums_reals = ALIGNED(MAX(1, chunks) * groups * group);
    const len thread_reals = ALIGNED(MAX(s.Yrow * s.Ycol, s.Zrow * s.Zcol * VL));
    real *xs = get_scratch(scratch, xs_reals + sums_reals + THREADS * thread_reals
                           + CEIL_DIV(s.B, REAL_BYTES));
    if (!xs)
        return -1;
    real *sums = xs + xs_reals, *of_threads = sums + sums_reals;
    char *finite = (char *)(of_threads + THREADS * thread_reals);
    memset(xs + s.B * image, 0, (xs_reals - s.B * image) * sizeof(real));

    const real *x = (const real *)PyArray_DATA(X), *gz = (const real *)PyArray_DATA(gZ);
    const word *won = (const word *)PyArray_DATA(winners);
    real *gw = (real *)PyArray_DATA(*gW);
    #pragma omp parallel \
        if (s.B * s.Wnch * s.Zrow * s.Zcol * s.Xnch * s.Wrow * s.Wcol > WORTH_THREADS)
    {
        #pragma omp for schedule(static)
        for (len b = 0; b < s.B; b++)
            finite[b] = load_image(&s, xs + b * image, x + b * s.Xnch * s.Xrow * s.Xcol);
        #pragma omp for schedule(dynamic)
        for (len k = 0; k < chunks * groups; k++) {
            const len b = k / groups * chunk, f = k % groups * GROUP;
            grad_w_task(&s, sums + k * group, xs, finite, gz, won, b, MIN(b + chunk, s.B),
                        f, MIN(f + GROUP, s.Wnch), of_threads + THREAD * thread_reals);
        }
        #pragma omp for schedule(static)
        for (len k = 0; k < groups; k++)
            add_chunks(&s, gw, sums + k * group, chunks, groups,
                       k * GROUP, MIN((k + 1) * GROUP, s.Wnch));
    }
    return 0;
}
