/* C <- alpha A B + beta C for the matrices of small nets, in parallel.
 *
 * A (M, K) and B (K, N) may have any strides, so transposed ones cost nothing; columns of C lie across the vector
 * lanes. A tile of C stays in registers for the whole sum over K, in order, and belongs to one thread.
 */
#include "kernel.h"

enum {
    WIDE = 2,                           /* vectors side by side in a tile */
    TALL = REGS == 32 ? 10 : 5,         /* rows of a tile: of the registers, two thirds are sums; ten classes fill it */
    SHORT = REGS == 32 ? 4 : 2,
    PACKED = 128,                       /* rows of B that a thread packs at a time */
    SMALL = 1 << 19                     /* bytes of B that stay in a core's cache */
};

typedef struct {
    len M, N, K;
    const real *A; len am, ak;          /* strides, in reals */
    const real *B; len bk, bn;
    real *C; len cm, cn;
    real alpha, beta;
} Product;

/* count values into a row of C, where they do not fill a vector or do not lie side by side. */
NOT_INLINED void store(const Product *p, real *c, const real *s, len count)
{
    for (len j = 0; j < count; j++)
        c[j * p->cn] = p->beta == 0 ? s[j] : p->beta * c[j * p->cn] + s[j];
}

/* `rows` rows of C from m on, `count` <= wide * VL columns from n on; P: these columns of B, rows `step` apart. */
ALWAYS_INLINE void tile(const Product *p, const int rows, const int wide, len m, len n, len count,
                        const real *P, len step)
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
            b[v] = *(const loose *)(P + v * VL);
        UNROLL for (int i = 0; i < rows; i++)
            UNROLL for (int v = 0; v < wide; v++)
                sum[i][v] += a[i * am] * b[v];
    }
    if (p->cn == 1 && count >= wide * VL && p->alpha == 1 && p->beta == 0) {
        /* In variables, as a store might change *p for all that the compiler knows, which would look it up again. */
        real *C = p->C + m * p->cm + n;
        const len cm = p->cm;
        UNROLL for (int i = 0; i < rows; i++)
            UNROLL for (int v = 0; v < wide; v++)
                *(loose *)(C + i * cm + v * VL) = sum[i][v];
        return;
    }
    UNROLL for (int i = 0; i < rows; i++)
        UNROLL for (int v = 0; v < wide; v++) {
            real *c = p->C + (m + i) * p->cm + (n + v * VL) * p->cn;
            const len left = count - v * VL;
            /* Rounded, as it is used with a sum and without: what is fused is beta * c, as check/ makes sure. */
            const vec scaled = p->alpha * sum[i][v];
            if (p->cn == 1 && left >= VL)
                *(loose *)c = p->beta == 0 ? scaled : p->beta * *(loose *)c + scaled;
            else {
                real s[VL];
                memcpy(s, &scaled, sizeof s);
                store(p, c, s, MIN(left, VL));
            }
        }
}

/* All rows m to end of a panel of columns. */
ALWAYS_INLINE void rows_of_panel(const Product *p, const int wide, len m, len end, len n, len count,
                                 const real *P, len step)
{
    for (; m + TALL <= end; m += TALL)
        tile(p, TALL, wide, m, n, count, P, step);
    for (; m + SHORT <= end; m += SHORT)
        tile(p, SHORT, wide, m, n, count, P, step);
    for (; m < end; m++)
        tile(p, 1, wide, m, n, count, P, step);
}

/* Columns n to n + count of the rows k to end of B: P (K, width). What it has beyond them is not used. */
static void pack(const Product *p, real *P, len width, len n, len count, len k, len end)
{
    const real *B = p->B + n * p->bn;
    if (p->bn == 1 && p->bk > 0) {
        const len last = (p->K - 1) * p->bk + p->N - n - width;         /* where whole vectors can be read to the end of B */
        for (; k < end && k * p->bk <= last; k++)
            for (len j = 0; j < width; j += VL)
                *(loose *)(P + k * width + j) = *(const loose *)(B + k * p->bk + j);
    }
    if (k < end && count < width)
        memset(P + k * width, 0, (end - k) * width * sizeof(real));
    if (p->bn <= p->bk)
        for (; k < end; k++)
            for (len j = 0; j < count; j++)
                P[k * width + j] = B[k * p->bk + j * p->bn];
    else if (p->bk == 1)
        transpose(P + k * width, width, B + k, p->bn, count, end - k);
    else
        for (len j = 0; j < count; j++)
            for (len i = k; i < end; i++)
                P[i * width + j] = B[i * p->bk + j * p->bn];
}

/* C' = B' A'. */
static Product transposed(const Product *p)
{
    return (Product){p->N, p->M, p->K, p->B, p->bn, p->bk, p->A, p->ak, p->am, p->C, p->cn, p->cm, p->alpha, p->beta};
}

static int product(Scratch *scratch, const Product *p)
{
    if (p->M == 0 || p->N == 0)
        return DONE;
    const Product t = transposed(p);
    if (p->am == 1 && p->N < WIDE * VL && p->M >= WIDE * VL)        /* the longer side across the lanes */
        p = &t;
    const len width = (p->N > VL ? WIDE : 1) * VL;
    const len panels = CEIL_DIV(p->N, width), blocks = CEIL_DIV(p->M, TALL), chunks = CEIL_DIV(p->K, PACKED);
    /* Whole panels of rows that lie in memory as they are needed are not packed. */
    const int direct = p->bn == 1 && p->N % VL == 0;
    const int by_rows = panels * p->K * width * (len)sizeof(real) <= SMALL;
    real *packed = direct ? NULL : get_scratch(scratch, panels * p->K * width);
    if (!direct && !packed)
        return NO_MEMORY;
    #pragma omp parallel if ((double)p->M * p->N * p->K > 200000)
    {
        if (!direct) {
            #pragma omp for schedule(static)
            for (len task = 0; task < panels * chunks; task++) {
                const len i = task / chunks, k = task % chunks * PACKED;
                pack(p, packed + i * p->K * width, width, i * width, MIN(width, p->N - i * width), k,
                     MIN(k + PACKED, p->K));
            }
        }
        #pragma omp for schedule(static)
        for (len task = 0; task < panels * blocks; task++) {
            const len i = by_rows ? task % panels : task / blocks, n = i * width, count = MIN(width, p->N - n);
            const len m = (by_rows ? task / panels : task % blocks) * TALL, end = MIN(m + TALL, p->M);
            const real *P = direct ? p->B + n : packed + i * p->K * width;
            const len step = direct ? p->bk : width;
            if (count > VL)
                rows_of_panel(p, WIDE, m, end, n, count, P, step);
            else
                rows_of_panel(p, 1, m, end, n, count, P, step);
        }
    }
    return DONE;
}
