/* Form for few taps and small windows, where going after the winners costs more than it saves: all sums in registers,
 * filters across the lanes, dense. */
#define GRAD_W_FORM "registers"

enum { GROUP = VL };

/* Channels outermost, as they come. */
ALWAYS_INLINE len image_reals(const Sizes s)
{
    return s.Xnch * s.Prow * s.Pcol;
}

static int load_image(const Sizes *t, real *xs, const real *x)
{
    pad_image(t, xs, x);
    return 1;
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

/* y is 0 where a filter's window was not won, and adds nothing. scratch is room for gz of an image,
 * (Zrow, Zcol, VL). */
static void grad_w_task(const Sizes *t, real *sums, const real *xs, const char *right, const real *gz,
                        const word *winners, len b0, len b1, len f, len f1, real *scratch)
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
            const real *x = xs + b * image_reals(s) + p / s.Zcol * DS0 * s.Pcol + p % s.Zcol * DS1;
            const vec g = ((const vec *)scratch)[p];
            wordvec words;
            memcpy(&words, w, sizeof words);
            const ivec won = __builtin_convertvector(words, ivec);
            for (int k = 0; k < AREA; k++) {
                const vec y = (won & (1 << k)) != 0 ? g : (vec){0};
                const real *xk = x + k / DS1 * s.Pcol + k % DS1;
                UNROLL for (int n = 0; n < TAPS; n++)
                    sum[n] += y * xk[(n / (WROW * WCOL) * s.Prow + n / WCOL % WROW) * s.Pcol + n % WCOL];
            }
        }
    }
    UNROLL for (int n = 0; n < TAPS; n++)
        ((vec *)sums)[n] = sum[n];
}
