/* What all kernels share: vectors, memory, threads.
 *
 * REAL_BYTES, 4 or 8, says whether a real is float or double. It is defined before a kernel is included, as are the
 * sizes that the kernel is to know as constants. A kernel may be included several times, with other constants, each
 * time in a namespace of its own; so there are no include guards, and the system's headers (stdint.h, stdlib.h,
 * string.h, omp.h) come before. It is valid C++, because Theano compiles it as such, and plain C in spirit.
 *
 * Results are the same to the last bit on every processor with fused multiply-adds: no sum's order follows the width
 * of the vectors or the number of registers or threads, and every multiply-add is fused, as the compiler is told to
 * (-ffp-contract=fast). No two products are added to each other: the compiler could fuse either.
 */
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NOT_INLINED static __attribute__((noinline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define CEIL_DIV(a, b) (((a) + (b) - 1) / (b))

typedef ptrdiff_t len;

/* ---- Vectors: VL reals each, REGS of them in the register file. ---------- */

#if defined(__AVX512F__)
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

#if REAL_BYTES == 4
typedef float real;
typedef int32_t integer;                /* as wide as a real */
#else
typedef double real;
typedef int64_t integer;
#endif
typedef real vec __attribute__((vector_size(VBYTES)));
typedef integer ivec __attribute__((vector_size(VBYTES)));
/* As vec, but anywhere in memory. */
typedef real loose __attribute__((vector_size(VBYTES), aligned(REAL_BYTES), may_alias));

/* ---- Threads. ------------------------------------------------------------ */

#ifdef _OPENMP
#define THREADS omp_get_max_threads()
#define THREAD omp_get_thread_num()
#else
#define THREADS 1
#define THREAD 0
#endif
/* Multiply-adds that are worth waking the other threads. */
#define WORTH_THREADS 500000

/* A thread's share of numbered tasks, on a cache line of its own. */
typedef struct { len next, end; char apart[64 - 2 * sizeof(len)]; } Share;

/* n tasks, such as images, in so many shares, one after the other: where they are shared out alike in every kernel, a
 * core has in its cache what it made before. */
static inline void share_out(Share *shares, int threads, len n)
{
    for (int t = 0; t < threads; t++)
        shares[t].next = n * t / threads, shares[t].end = n * (t + 1) / threads;
}

/* The next task of this thread's share, then of those that other threads have not come to; -1 when all are taken. tried,
 * 0 at first, counts the shares that are at an end. */
static inline len next_task(Share *shares, int threads, int *tried)
{
    for (; *tried < threads; ++*tried) {
        Share *share = &shares[(THREAD + *tried) % threads];
        const len task = __atomic_fetch_add(&share->next, 1, __ATOMIC_RELAXED);
        if (task < share->end)
            return task;
    }
    return -1;
}

/* ---- Memory: lives as long as the compiled function, so that a call costs no mmap. */

typedef struct { void *memory; size_t bytes; } Scratch;

/* What a kernel returns. */
enum { DONE = 0, NO_MEMORY = -1, TOO_LARGE = -2 };

/* Room for so many reals, aligned for vectors; NULL if there is not enough. */
static real *get_scratch(Scratch *s, size_t reals)
{
    const size_t bytes = reals * sizeof(real) + 64;
    if (s->bytes < bytes) {
        free(s->memory);
        s->memory = malloc(bytes);
        s->bytes = s->memory ? bytes : 0;
    }
    return s->memory ? (real *)(((uintptr_t)s->memory + 63) & ~(uintptr_t)63) : NULL;
}

#define ALIGNED(reals) (((reals) + 15) & ~(len)15)

#ifndef __clang__                       /* which has no __builtin_shuffle */
/* r, VL x VL, is transposed by shuffles that are one fast instruction each: vectors have lanes of 16 bytes, across which
 * others are slow. First squares of LANE x LANE within the lanes, then the lanes. */
ALWAYS_INLINE void transpose_square(vec *r)
{
    enum { LANE = 16 / REAL_BYTES, LANES = VL / LANE };
    ivec low, high, even, odd;
    UNROLL for (int k = 0; k < VL; k++) {
        const int lane = k / LANE, at = k % LANE;
        low[k] = lane * LANE + at / 2 + at % 2 * VL;
        high[k] = low[k] + LANE / 2;
        even[k] = 2 * lane / LANES * VL + 2 * lane % LANES * LANE + at;
        odd[k] = even[k] + LANE;
    }
    vec q[VL];
    UNROLL for (int n = 1; n < LANE; n *= 2) {
        UNROLL for (int k = 0; k < VL / 2; k++) {
            const int i = k / (LANE / 2) * LANE + k % (LANE / 2);
            q[2 * k] = __builtin_shuffle(r[i], r[i + LANE / 2], low);
            q[2 * k + 1] = __builtin_shuffle(r[i], r[i + LANE / 2], high);
        }
        UNROLL for (int k = 0; k < VL; k++)
            r[k] = q[k];
    }
    UNROLL for (int n = 1; n < LANES; n *= 2) {
        UNROLL for (int k = 0; k < VL / 2; k++) {
            const int i = k / LANE * 2 * LANE + k % LANE;
            q[k] = __builtin_shuffle(r[i], r[i + LANE], even);
            q[k + VL / 2] = __builtin_shuffle(r[i], r[i + LANE], odd);
        }
        UNROLL for (int k = 0; k < VL; k++)
            r[k] = q[k];
    }
}
#endif

/* dst[j][i] = src[i][j] for i < n, j < m. */
static inline void transpose(real *dst, len dst_row, const real *src, len src_row, len n, len m)
{
#ifndef __clang__
    if (n >= VL && m >= VL) {           /* the last square overlaps the one before */
        for (len i = 0; i < n; i += VL)
            for (len j = 0; j < m; j += VL) {
                const len i0 = MIN(i, n - VL), j0 = MIN(j, m - VL);
                vec r[VL];
                UNROLL for (int k = 0; k < VL; k++)
                    r[k] = *(const loose *)(src + (i0 + k) * src_row + j0);
                transpose_square(r);
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
