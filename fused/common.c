/* What the fused Ops have in common: vectors, sizes, memory, transposition.
 *
 * conv_pool.py puts a few #define lines in front of this file, and behind it
 * conv_pool.c or gradient.c with grad_w.c or grad_x.c:
 *   REAL, REAL_BYTES, REAL_NUM   float or double, its size, NumPy's number for it
 *   XNCH XROW XCOL WNCH WROW WCOL YROW YCOL ZCOL
 *                                sizes, 0 where only known at run time
 *   DS0 DS1 ST0 ST1 PD0 PD1      pooling window, stride, padding (rows, cols)
 *   PAD_T PAD_B PAD_L PAD_R      zeros around X, may be written in Wrow, Wcol
 *   IGNORE_BORDER, FLIP          as in pool_2d and conv2d
 *   WINNERS                      whether conv_pool.c is to write the winners
 *   GRAD_W                       whether gradient.c is for grad_w.c
 *   PLAIN                        1 for code without vectors
 *
 * Names: X (B, Xnch, Xrow, Xcol), W (Wnch, Xnch, Wrow, Wcol), Y = X * W,
 * Z (B, Wnch, Zrow, Zcol) = max-pooled Y, winners (B, Zrow * Zcol, words, Wnch):
 * bit k of a window's word is set where the window's k-th value (row-major)
 * equals its maximum. All tied maxima are set, as Theano's MaxPoolGrad wants it.
 *
 * It is valid C++, because Theano compiles it as such, and plain C in spirit.
 */
/* Several Ops may end up in one module, with different constants. */
#undef VBYTES
#undef REGS
#undef WORD_NUM
#undef TILE
#undef VECS
#undef FORGET_PIXELS
#undef COLS
#undef GL
#undef GROUP
#undef CHUNK
#undef BLOCK_VECS
#undef BLOCK_ROWS

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CEIL_DIV(a, b) (((a) + (b) - 1) / (b))

typedef REAL real;
typedef npy_intp len;

/* ---- Vectors: VL reals each, REGS of them in the register file. ---------- */

#if PLAIN
#define VBYTES REAL_BYTES
#define REGS 16
#elif defined(__AVX512F__)
#define VBYTES 64
#define REGS 32
#elif defined(__AVX__)
#define VBYTES 32
#define REGS 16
#elif defined(__aarch64__)
#define VBYTES 16
#define REGS 32
#else
#define VBYTES 16
#define REGS 16
#endif
#define VL (VBYTES / REAL_BYTES)

/* Window positions fit one word up to 32, several words beyond. */
#define AREA (DS0 * DS1)
#define WORDS CEIL_DIV(AREA, 32)
#if AREA <= 8
typedef uint8_t word;
#define WORD_NUM NPY_UINT8
#elif AREA <= 16
typedef uint16_t word;
#define WORD_NUM NPY_UINT16
#else
typedef uint32_t word;
#define WORD_NUM NPY_UINT32
#endif

#if PLAIN
typedef real vec, loose;
typedef int64_t ivec;
typedef word wordvec;
#define EQUAL(a, b) (-(ivec)((a) == (b)))
#define TO_WORDS(m) ((word)(m))
#else
typedef real vec __attribute__((vector_size(VBYTES)));
/* As vec, but anywhere in memory. */
typedef real loose __attribute__((vector_size(VBYTES), aligned(REAL_BYTES), may_alias));
#if REAL_BYTES == 4
typedef int32_t ivec __attribute__((vector_size(VBYTES)));
#else
typedef int64_t ivec __attribute__((vector_size(VBYTES)));
#endif
typedef word wordvec __attribute__((vector_size(VL * sizeof(word))));
#define EQUAL(a, b) ((ivec)((a) == (b)))
#define TO_WORDS(m) __builtin_convertvector(m, wordvec)
#endif

/* Complete windows side by side, and their number known? */
#define WHOLE_WINDOWS (YROW && YCOL && ST0 == DS0 && ST1 == DS1 && !PD0 && !PD1 \
                       && YROW % DS0 == 0 && YCOL % DS1 == 0)

/* ---- Sizes: constants where the graph knows them. ------------------------ */

typedef struct {
    len B, Xnch, Xrow, Xcol, Wnch, Wrow, Wcol;
    len top, left, Prow, Pcol;          /* X with its zeros around */
    len Yrow, Ycol, Zrow, Zcol;
} Sizes;

#define KNOWN(constant, size) ((constant) ? (constant) : (size))

ALWAYS_INLINE len pooled(len y, len ds, len st, len pd)
{
    len r = y + 2 * pd;
    if (IGNORE_BORDER)
        return r < ds ? 0 : (r - ds) / st + 1;
    if (st >= ds)
        return (r - 1) / st + 1;
    return MAX(0, (r - 1 - ds + st) / st) + 1;
}

/* The compiler follows the constants through here into every loop. */
ALWAYS_INLINE Sizes sizes(len B, len Xnch, len Xrow, len Xcol,
                          len Wnch, len Wrow, len Wcol)
{
    Sizes s;
    s.B = B;
    s.Xnch = KNOWN(XNCH, Xnch), s.Xrow = KNOWN(XROW, Xrow), s.Xcol = KNOWN(XCOL, Xcol);
    s.Wnch = KNOWN(WNCH, Wnch);
    s.Wrow = Wrow = KNOWN(WROW, Wrow), s.Wcol = Wcol = KNOWN(WCOL, Wcol);
    s.top = PAD_T, s.Prow = PAD_T + s.Xrow + PAD_B;
    s.left = PAD_L, s.Pcol = PAD_L + s.Xcol + PAD_R;
    s.Yrow = s.Prow - s.Wrow + 1;
    s.Ycol = s.Pcol - s.Wcol + 1;
    s.Zrow = pooled(s.Yrow, DS0, ST0, PD0);
    s.Zcol = pooled(s.Ycol, DS1, ST1, PD1);
    return s;
}

/* The same sizes again, constants as constants: for the start of a function. */
#define FIXED(t) sizes((t)->B, (t)->Xnch, (t)->Xrow, (t)->Xcol, \
                       (t)->Wnch, (t)->Wrow, (t)->Wcol)

/* Fills *s from the run-time shapes; -1 with a ValueError that shows both. */
static int read_sizes(Sizes *s, const npy_intp *x, const npy_intp *w)
{
    const npy_intp have[] = {x[1], x[2], x[3], w[0], w[2], w[3]};
    const npy_intp want[] = {XNCH, XROW, XCOL, WNCH, WROW, WCOL};
    int agree = x[1] == w[1];
    for (int k = 0; k < 6; k++)
        agree = agree && (!want[k] || want[k] == have[k]);
    if (agree) {
        *s = sizes(x[0], x[1], x[2], x[3], w[0], w[2], w[3]);
        if (s->Yrow > 0 && s->Ycol > 0)
            return 0;
    }
    PyErr_Format(PyExc_ValueError,
        "ConvPool: %s\n"
        "  images shape: %ld x %ld x %ld x %ld\n"
        "  filters shape: %ld x %ld x %ld x %ld\n"
        "  compiled for images ? x %ld x %ld x %ld and filters "
        "%ld x %ld x %ld x %ld (0: any)",
        !agree ? "shapes do not agree" : "impossible output shape: filter larger than image",
        (long)x[0], (long)x[1], (long)x[2], (long)x[3],
        (long)w[0], (long)w[1], (long)w[2], (long)w[3],
        (long)XNCH, (long)XROW, (long)XCOL,
        (long)WNCH, (long)XNCH, (long)WROW, (long)WCOL);
    return -1;
}

/* ---- Memory and threads. ------------------------------------------------- */

#ifdef _OPENMP
#define THREADS omp_get_max_threads()
#define THREAD omp_get_thread_num()
#else
#define THREADS 1
#define THREAD 0
#endif
/* Multiply-adds of the dense form that are worth waking the other threads. */
#define WORTH_THREADS 500000

/* Lives as long as the compiled function, so that a call costs no mmap. */
typedef struct { void *memory; size_t bytes; } Scratch;

static real *get_scratch(Scratch *s, size_t reals)
{
    size_t bytes = reals * sizeof(real) + 64;
    if (s->bytes < bytes) {
        free(s->memory);
        s->memory = malloc(bytes);
        s->bytes = s->memory ? bytes : 0;
    }
    if (!s->memory) {
        PyErr_NoMemory();
        return NULL;
    }
    return (real *)(((uintptr_t)s->memory + 63) & ~(uintptr_t)63);
}

#define ALIGNED(reals) (((reals) + 15) & ~(len)15)

/* Contiguous versions of the n arrays, new references; -1 if one fails. */
static int contiguous(PyArrayObject **to, PyArrayObject *const *from, int n)
{
    int ok = 1;
    for (int k = 0; k < n; k++)
        ok = (to[k] = PyArray_GETCONTIGUOUS(from[k])) && ok;
    return ok ? 0 : -1;
}

static void release(PyArrayObject **arrays, int n)
{
    for (int k = 0; k < n; k++)
        Py_XDECREF(arrays[k]);
}

/* *out becomes a C-contiguous array of that shape, the old one if it fits. */
static int prepare(PyArrayObject **out, int nd, npy_intp *dims, int num)
{
    if (*out && PyArray_NDIM(*out) == nd && PyArray_TYPE(*out) == num
        && PyArray_IS_C_CONTIGUOUS(*out)
        && PyArray_CompareLists(PyArray_DIMS(*out), dims, nd))
        return 0;
    Py_XDECREF(*out);
    *out = (PyArrayObject *)PyArray_EMPTY(nd, dims, num, 0);
    return *out ? 0 : -1;
}

/* ---- Layouts. ------------------------------------------------------------ */

/* dst[j][i] = src[i][j] for i < n, j < m. */
static void transpose(real *dst, len dst_row, const real *src, len src_row, len n, len m)
{
#if !PLAIN && !defined(__clang__)       /* which has no __builtin_shuffle */
    if (n >= VL && m >= VL) {
        /* VL x VL blocks in registers: swap the off-diagonal quarters, then
         * those of the quarters, ...; the last block overlaps the one before. */
        for (len i = 0; i < n; i += VL)
            for (len j = 0; j < m; j += VL) {
                const len i0 = MIN(i, n - VL), j0 = MIN(j, m - VL);
                vec r[VL];
                UNROLL for (int k = 0; k < VL; k++)
                    r[k] = *(const loose *)(src + (i0 + k) * src_row + j0);
                UNROLL for (int h = VL / 2; h; h /= 2) {
                    ivec low, high;
                    UNROLL for (int l = 0; l < VL; l++) {
                        low[l] = l & h ? VL + l - h : l;
                        high[l] = l & h ? VL + l : l + h;
                    }
                    UNROLL for (int k = 0; k < VL; k++)
                        if (!(k & h)) {
                            vec a = r[k], b = r[k + h];
                            r[k] = __builtin_shuffle(a, b, low);
                            r[k + h] = __builtin_shuffle(a, b, high);
                        }
                }
                UNROLL for (int k = 0; k < VL; k++)
                    *(loose *)(dst + (j0 + k) * dst_row + i0) = r[k];
            }
        return;
    }
#endif
    for (len j = 0; j < m; j++)
        for (len i = 0; i < n; i++)
            dst[j * dst_row + i] = src[i * src_row + j];
}

/* x (Xnch, Xrow, Xcol) -> padded (Xnch, Prow, Pcol). */
static void pad_image(const Sizes *t, real *padded, const real *x)
{
    const Sizes s = FIXED(t);
    if (s.Prow == s.Xrow && s.Pcol == s.Xcol) {
        memcpy(padded, x, s.Xnch * s.Xrow * s.Xcol * sizeof(real));
        return;
    }
    memset(padded, 0, s.Xnch * s.Prow * s.Pcol * sizeof(real));
    for (len c = 0; c < s.Xnch; c++)
        for (len r = 0; r < s.Xrow; r++)
            memcpy(padded + (c * s.Prow + s.top + r) * s.Pcol + s.left,
                   x + (c * s.Xrow + r) * s.Xcol, s.Xcol * sizeof(real));
}
