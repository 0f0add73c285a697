/* C <- alpha A B + beta C for the matrices of small nets, in parallel.
 *
 * dense.py puts #define REAL, REAL_BYTES and PLAIN in front. A (M, K) and B (K, N) may have any strides,
 * so transposed ones cost nothing; columns of C lie across the vector lanes.
 * A tile of C stays in registers for the whole sum over K, and belongs to one thread: the
 * order of each sum, and so every bit of it, does not depend on the number of threads.
 */
typedef REAL real;
typedef npy_intp len;

#if PLAIN
#define LANES 1
typedef real vec, loose;
#else
#if defined(__AVX512F__)
#define VBYTES 64
#elif defined(__AVX__)
#define VBYTES 32
#else
#define VBYTES 16
#endif
#define LANES (VBYTES / REAL_BYTES)
typedef real vec __attribute__((vector_size(VBYTES)));
typedef real loose __attribute__((vector_size(VBYTES), aligned(REAL_BYTES), may_alias));
#endif

#define UNROLL _Pragma("GCC unroll 16")
#define INLINE static inline __attribute__((always_inline))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

enum { WIDE = 2 };                  /* vectors side by side in a tile */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { TALL = 12, SHORT = 4 };      /* rows of a tile: with WIDE vectors, TALL rows fill 24 of 32 registers, */
#else
enum { TALL = 6, SHORT = 2 };       /* or 12 of 16 */
#endif

typedef struct { real *memory; size_t bytes; } Scratch;

typedef struct {
    len M, N, K;
    const real *A; len am, ak;      /* strides, in reals */
    const real *B; len bk, bn;
    real *C; len cm, cn;
    real alpha, beta;
} Product;

/* `rows` rows of C from m on, `count` <= wide * LANES columns from n on; P: these columns of B, rows `step` apart. */
INLINE void tile(const Product *p, const int rows, const int wide, len m, len n, len count, const real *P, len step)
{
    vec sum[TALL][WIDE];
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int v = 0; v < wide; v++)
            sum[i][v] = (vec){0};
    const real *a = p->A + m * p->am;
    const len am = p->am, ak = p->ak;
    for (len k = 0; k < p->K; k++, a += ak, P += step) {
        vec b[WIDE];
        UNROLL for (int v = 0; v < wide; v++)
            b[v] = *(const loose *)(P + v * LANES);
        UNROLL for (int i = 0; i < rows; i++)
            UNROLL for (int v = 0; v < wide; v++)
                sum[i][v] += a[i * am] * b[v];
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int v = 0; v < wide; v++) {
            real *c = p->C + (m + i) * p->cm + (n + v * LANES) * p->cn;
            const len left = count - v * LANES;
            const vec scaled = p->alpha * sum[i][v];
            if (p->cn == 1 && left >= LANES)
                *(loose *)c = p->beta == 0 ? scaled : p->beta * *(loose *)c + scaled;
            else {
                real s[LANES];
                memcpy(s, &scaled, sizeof s);
                for (len j = 0; j < MIN(left, LANES); j++)
                    c[j * p->cn] = p->beta == 0 ? s[j] : p->beta * c[j * p->cn] + s[j];
            }
        }
}

/* All rows m to end of a panel of columns. */
INLINE void rows_of_panel(const Product *p, const int wide, len m, len end, len n, len count, const real *P, len step)
{
    for (; m + TALL <= end; m += TALL)
        tile(p, TALL, wide, m, n, count, P, step);
    for (; m + SHORT <= end; m += SHORT)
        tile(p, SHORT, wide, m, n, count, P, step);
    for (; m < end; m++)
        tile(p, 1, wide, m, n, count, P, step);
}

/* Columns n to n + count of B, padded with zeros to `width`: P (K, width). */
static void pack(const Product *p, real *P, len width, len n, len count)
{
    const real *B = p->B + n * p->bn;
    if (count < width)
        memset(P, 0, p->K * width * sizeof(real));
    if (p->bn <= p->bk)
        for (len k = 0; k < p->K; k++)
            for (len j = 0; j < count; j++)
                P[k * width + j] = B[k * p->bk + j * p->bn];
    else
        for (len j = 0; j < count; j++)
            for (len k = 0; k < p->K; k++)
                P[k * width + j] = B[k * p->bk + j * p->bn];
}

static int multiply(Scratch *scratch, const Product *p)
{
    if (p->M == 0 || p->N == 0)
        return 0;
    const len width = (p->N > LANES ? WIDE : 1) * LANES;
    const len panels = (p->N + width - 1) / width, blocks = (p->M + TALL - 1) / TALL;
    /* Whole panels of rows that lie in memory as they are needed are not packed. */
    const int direct = p->bn == 1 && p->N % LANES == 0;
    if (!direct) {
        const size_t bytes = panels * p->K * width * sizeof(real);
        if (bytes > scratch->bytes) {
            free(scratch->memory);
            scratch->memory = (real *)malloc(bytes);
            scratch->bytes = scratch->memory ? bytes : 0;
            if (!scratch->memory) {
                PyErr_NoMemory();
                return -1;
            }
        }
    }
#ifdef _OPENMP
#pragma omp parallel if ((double)p->M * p->N * p->K > 200000)
#endif
    {
        if (!direct) {
#ifdef _OPENMP
#pragma omp for schedule(static)
#endif
            for (len i = 0; i < panels; i++)
                pack(p, scratch->memory + i * p->K * width, width, i * width, MIN(width, p->N - i * width));
        }
#ifdef _OPENMP
#pragma omp for schedule(static)
#endif
        for (len task = 0; task < panels * blocks; task++) {
            const len i = task / blocks, n = i * width, count = MIN(width, p->N - n);
            const len m = task % blocks * TALL, end = MIN(m + TALL, p->M);
            const real *P = direct ? p->B + n : scratch->memory + i * p->K * width;
            const len step = direct ? p->bk : width;
            if (count > LANES)
                rows_of_panel(p, WIDE, m, end, n, count, P, step);
            else
                rows_of_panel(p, 1, m, end, n, count, P, step);
        }
    }
    return 0;
}

/* Strides of a matrix in reals; -1 with an error if they are not whole or the sizes do not fit. */
static int strides(PyArrayObject *a, len *row, len *col)
{
    if (PyArray_STRIDE(a, 0) % (npy_intp)sizeof(real) || PyArray_STRIDE(a, 1) % (npy_intp)sizeof(real)) {
        PyErr_SetString(PyExc_ValueError, "matrix product: strides are not multiples of the item size");
        return -1;
    }
    *row = PyArray_STRIDE(a, 0) / (npy_intp)sizeof(real);
    *col = PyArray_STRIDE(a, 1) / (npy_intp)sizeof(real);
    return 0;
}

static int run(Scratch *scratch, PyArrayObject *A, PyArrayObject *B, PyArrayObject *C, real alpha, real beta)
{
    Product p;
    p.M = PyArray_DIM(A, 0), p.K = PyArray_DIM(A, 1), p.N = PyArray_DIM(B, 1);
    if (PyArray_DIM(B, 0) != p.K || PyArray_DIM(C, 0) != p.M || PyArray_DIM(C, 1) != p.N) {
        PyErr_Format(PyExc_ValueError, "Shape mismatch: A is %ld x %ld, B is %ld x %ld, C is %ld x %ld",
                     (long)p.M, (long)p.K, (long)PyArray_DIM(B, 0), (long)p.N,
                     (long)PyArray_DIM(C, 0), (long)PyArray_DIM(C, 1));
        return -1;
    }
    if (strides(A, &p.am, &p.ak) || strides(B, &p.bk, &p.bn) || strides(C, &p.cm, &p.cn))
        return -1;
    p.A = (const real *)PyArray_DATA(A), p.B = (const real *)PyArray_DATA(B), p.C = (real *)PyArray_DATA(C);
    p.alpha = alpha, p.beta = beta;
    return multiply(scratch, &p);
}
