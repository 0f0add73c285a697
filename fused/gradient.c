/* What the gradients have in common. Only winners carry gradient. */

/* With channels innermost, the row of X under a
 * row of a filter is one run of Wcol * Xnch reals, so that each winner is Wrow
 * runs to be added, scaled: an Event says where they start, and the scale.
 *
 *   dW[f]    = sum over windows, winners of f:   g * X[window + winner ...]
 *   dX[y, x] = sum over filters that won there:  g * W[f]
 *
 * Both are accumulate() below. It takes whole vectors; lanes and rows beyond
 * the run collect what nobody reads (dW) or zeros (dX, where W is padded). */
typedef struct { int at; real g; } Event;

/* Lanes of these vectors: half the width where that wastes fewer lanes. */
#define RUN (XNCH && WCOL ? XNCH * WCOL : 0)
#define WASTE(lanes) (CEIL_DIV(RUN, lanes) * (lanes) - RUN)
#if RUN && VL > 1 && WASTE(VL / 2) < WASTE(VL)
#define GL (VL / 2)
#else
#define GL VL
#endif
#if PLAIN
typedef real gvec;
#else
typedef real gvec __attribute__((vector_size(GL * REAL_BYTES), aligned(REAL_BYTES), may_alias));
#endif

/* A block of BLOCK_ROWS rows x BLOCK_VECS vectors is summed in registers; CHAINS
 * events at a time, where a block alone would leave the FMA units waiting. */
#if RUN && WROW
#define BLOCK_VECS MIN(CEIL_DIV(RUN, GL), REGS - 4)
#define ROWS_MAX ((REGS - 4) / BLOCK_VECS)
#define BLOCK_ROWS CEIL_DIV(WROW, CEIL_DIV(WROW, ROWS_MAX))
#else
#define BLOCK_VECS 1
#define BLOCK_ROWS 4
#endif
#define CHAINS MAX(1, MIN(CEIL_DIV(8, BLOCK_ROWS * BLOCK_VECS), (REGS - 4) / (BLOCK_ROWS * BLOCK_VECS)))

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

/* Reals of n padded images, channels innermost, readable to the end of the
 * last one's last patch. */
ALWAYS_INLINE len images_reals(const Sizes s, len n)
{
    return ALIGNED(n * s.Prow * s.Pcol * s.Xnch
                   + patch_rows(s) * s.Pcol * s.Xnch + patch_cols(s));
}

/* dst += sum of g * src[at ...] over the events, whose number is rounded up
 * to CHAINS: there must be room. Not inlined: its registers are all in use. */
static __attribute__((noinline)) void accumulate(const Sizes *t, real *dst, const real *src,
                                                 Event *events, len n)
{
    const Sizes s = FIXED(t);
    const len src_row = GRAD_W ? image_cols(s) : patch_cols(s);
    const len dst_row = GRAD_W ? patch_cols(s) : image_cols(s);
    while (n % CHAINS)
        events[n++] = (Event){0, 0};
    for (len i0 = 0; i0 < s.Wrow; i0 += BLOCK_ROWS)
        for (len v0 = 0; v0 < s.Wcol * s.Xnch; v0 += BLOCK_VECS * GL) {
            real *d = dst + i0 * dst_row + v0;
            gvec sum[CHAINS][BLOCK_ROWS][BLOCK_VECS];
            UNROLL for (int u = 0; u < CHAINS; u++)
                UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
                    UNROLL for (int v = 0; v < BLOCK_VECS; v++)
                        sum[u][i][v] = (gvec){0};
            for (len e = 0; e < n; e += CHAINS)
                UNROLL for (int u = 0; u < CHAINS; u++) {
                    const real g = events[e + u].g;
                    const real *p = src + events[e + u].at + i0 * src_row + v0;
                    UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
                        UNROLL for (int v = 0; v < BLOCK_VECS; v++)
                            sum[u][i][v] += g * *(const gvec *)(p + i * src_row + v * GL);
                }
            UNROLL for (int i = 0; i < BLOCK_ROWS; i++)
                UNROLL for (int v = 0; v < BLOCK_VECS; v++) {
                    gvec total = *(gvec *)(d + i * dst_row + v * GL);
                    UNROLL for (int u = 0; u < CHAINS; u++)
                        total += sum[u][i][v];
                    *(gvec *)(d + i * dst_row + v * GL) = total;
                }
        }
}

/* Where a window starts in an image, and where its positions are from there. */
ALWAYS_INLINE len window_at(const Sizes s, len zr, len zc)
{
    return (zr * ST0 - PD0) * image_cols(s) + (zc * ST1 - PD1) * s.Xnch;
}

static void find_positions(const Sizes *t, int *positions)
{
    const Sizes s = FIXED(t);
    for (int k = 0; k < AREA; k++)
        positions[k] = k / DS1 * image_cols(s) + k % DS1 * s.Xnch;
}

/* The same sums, one by one and over every position, winner or not: 0 * Inf is
 * NaN, and Theano's dense products let it through. y is room for Yrow * Ycol. */
static void accumulate_dense(const Sizes *t, real *dst, const real *src,
                             const real *gz, const word *winners, real *y)
{
    const Sizes s = FIXED(t);
    const len src_row = GRAD_W ? image_cols(s) : patch_cols(s);
    const len dst_row = GRAD_W ? patch_cols(s) : image_cols(s);
    memset(y, 0, s.Yrow * s.Ycol * sizeof(real));
    for (len zr = 0; zr < s.Zrow; zr++)
        for (len zc = 0; zc < s.Zcol; zc++, gz++)
            for (int n = 0; n < WORDS; n++, winners += s.Wnch)
                for (uint32_t won = *winners; won; won &= won - 1) {
                    const int k = 32 * n + __builtin_ctz(won);
                    y[(zr * ST0 - PD0 + k / DS1) * s.Ycol + zc * ST1 - PD1 + k % DS1] += *gz;
                }
    for (len r = 0; r < s.Yrow; r++)
        for (len c = 0; c < s.Ycol; c++, y++) {
            const len at = (r * s.Pcol + c) * s.Xnch;
            for (len i = 0; i < s.Wrow; i++)
                for (len k = 0; k < s.Wcol * s.Xnch; k++)
                    dst[(GRAD_W ? 0 : at) + i * dst_row + k] +=
                        *y * src[(GRAD_W ? at : 0) + i * src_row + k];
        }
}

/* Event.at is an int. */
static int check_offsets(len reals)
{
    if (reals <= INT32_MAX)
        return 0;
    PyErr_SetString(PyExc_ValueError, "ConvPool gradient: image or filters too large");
    return -1;
}

static int all_finite(const real *x, len n)
{
    /* v - v is 0 for every finite v and NaN otherwise. */
    vec sum = {0};
    len k = 0;
    for (; k + VL <= n; k += VL) {
        vec v = *(const loose *)(x + k);
        sum += v - v;
    }
    real total = 0;
    for (; k < n; k++)
        total += x[k] - x[k];
    const real *lane = (const real *)&sum;
    for (int l = 0; l < VL; l++)
        total += lane[l];
    return total == 0;
}

/* gZ and winners must be of the forward pass that s describes. */
static int check_gradient(const Sizes *s, PyArrayObject *gZ, PyArrayObject *winners)
{
    const npy_intp *g = PyArray_DIMS(gZ), *w = PyArray_DIMS(winners);
    if (g[0] == s->B && g[1] == s->Wnch && g[2] == s->Zrow && g[3] == s->Zcol
        && w[0] == s->B && w[1] == s->Zrow * s->Zcol && w[2] == WORDS && w[3] == s->Wnch)
        return 0;
    PyErr_Format(PyExc_ValueError,
        "ConvPool gradient: shapes do not agree\n"
        "  gradient shape: %ld x %ld x %ld x %ld (expected %ld x %ld x %ld x %ld)\n"
        "  winners shape: %ld x %ld x %ld x %ld",
        (long)g[0], (long)g[1], (long)g[2], (long)g[3],
        (long)s->B, (long)s->Wnch, (long)s->Zrow, (long)s->Zcol,
        (long)w[0], (long)w[1], (long)w[2], (long)w[3]);
    return -1;
}

/* dW from A = X or dX from A = W; rows and cols are those of the other one. */
static int gradient(Scratch *, PyArrayObject *A, PyArrayObject *gZ,
                    PyArrayObject *winners, len rows, len cols, PyArrayObject **out);

static int run(Scratch *scratch, PyArrayObject *A, PyArrayObject *gZ,
               PyArrayObject *winners, PyArrayObject *shape, PyArrayObject **out)
{
    if (PyArray_DIM(shape, 0) != 2) {
        PyErr_Format(PyExc_ValueError, "ConvPool gradient: shape must have 2 elements, has %ld",
                     (long)PyArray_DIM(shape, 0));
        return -1;
    }
    const len rows = *(npy_int64 *)PyArray_GETPTR1(shape, 0);
    const len cols = *(npy_int64 *)PyArray_GETPTR1(shape, 1);
    PyArrayObject *const from[] = {A, gZ, winners};
    PyArrayObject *in[3];
    const int failed = contiguous(in, from, 3)
        || gradient(scratch, in[0], in[1], in[2], rows, cols, out);
    release(in, 3);
    return failed;
}
