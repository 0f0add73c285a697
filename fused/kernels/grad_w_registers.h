/* Form for few taps and small windows, where going after the winners costs more than it saves: all sums in registers,
 * filters across the lanes, dense. */
#define GRAD_W_FORM "registers"

enum { GROUP = VL };

/* Channels outermost, as they come. */
ALWAYS_INLINE len image_reals(const Sizes s)
{
    return s.Xnch * s.Prow * s.Pcol;
}

static void load_image(const Sizes *t, real *xs, const real *x)
{
    pad_image(t, xs, x);
}

/* (Xnch, Wrow, Wcol, VL). */
ALWAYS_INLINE len group_reals(const Sizes s)
{
    return TAPS * VL;
}

ALWAYS_INLINE len sum_at(const Sizes s, len f, len c, len i, len j)
{
    return ((c * WROW + i) * WCOL + j) * VL + f;
}

/* A lane's word in a lane of its own. Step by step: compilers widen to twice the width at a time, or value by value. */
ALWAYS_INLINE ivec widened(const word *w)
{
    typedef uint32_t words4 __attribute__((vector_size(VL * 4)));
    wordvec words;
    memcpy(&words, w, sizeof words);
#if AREA <= 16
    typedef uint16_t words2 __attribute__((vector_size(VL * 2)));
    return __builtin_convertvector(__builtin_convertvector(__builtin_convertvector(words, words2), words4), ivec);
#else
    return __builtin_convertvector(__builtin_convertvector(words, words4), ivec);
#endif
}

/* y is 0 where a filter's window was not won, and adds nothing. scratch is room for gz of an image,
 * (Zrow, Zcol, VL). */
static void grad_w_task(const Sizes *t, real *sums, const Image *images, const real *gz, const word *winners,
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
        const vec *g = (const vec *)scratch;
        const word *lit = images[b].lit;
        const int is_finite = all_finite(scratch, P * VL);
        for (len r = 0; r < s.Zrow; r++) {
            const real *x = images[b].x + r * DS0 * s.Pcol;
            for (len c = 0; c < s.Zcol; c++, x += DS1, w += s.Wnch, g++, lit++) {
                if (!*lit && is_finite)
                    continue;
                const ivec won = widened(w);
                UNROLL for (int k = 0; k < AREA; k++) {
                    const vec y = (won & (1 << k)) != 0 ? *g : (vec){0};
                    const real *xk = x + k / DS1 * s.Pcol + k % DS1;
                    __asm__("" : "+r"(xk));         /* or else pixels wait in registers for the next k, and sums do not */
                    UNROLL for (int n = 0; n < TAPS; n++)
                        sum[n] += y * xk[(n / (WROW * WCOL) * s.Prow + n / WCOL % WROW) * s.Pcol + n % WCOL];
                }
            }
        }
    }
    UNROLL for (int n = 0; n < TAPS; n++)
        ((vec *)sums)[n] = sum[n];
}
