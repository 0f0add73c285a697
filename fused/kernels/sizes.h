/* Sizes of a convolution with max-pooling: constants where they are known when the kernel is compiled.
 *
 * Defined before:
 *   XNCH XROW XCOL WNCH WROW WCOL   sizes, 0 where only known at run time
 *   DS0 DS1 ST0 ST1 PD0 PD1         pooling window, stride, padding (rows, cols)
 *   PAD_T PAD_B PAD_L PAD_R         zeros around X, may be written in Wrow, Wcol
 *   IGNORE_BORDER, FLIP             as in pool_2d and conv2d
 *
 * Names: X (B, Xnch, Xrow, Xcol), W (Wnch, Xnch, Wrow, Wcol), Y = X * W, Z (B, Wnch, Zrow, Zcol) = max-pooled Y,
 * winners (B, Zrow * Zcol, WORDS, Wnch): bit k of a window's word is set where the window's k-th value (row-major)
 * equals its maximum. All tied maxima are set, as Theano's MaxPoolGrad wants it.
 */
#include "kernel.h"

/* Of the feature map, 0 where not known. */
#undef YROW
#if XROW && WROW
#define YROW (PAD_T + XROW + PAD_B - WROW + 1)
#else
#define YROW 0
#endif
#undef YCOL
#if XCOL && WCOL
#define YCOL (PAD_L + XCOL + PAD_R - WCOL + 1)
#else
#define YCOL 0
#endif

/* Complete windows side by side, and their number known? */
#define WHOLE_WINDOWS (YROW && YCOL && ST0 == DS0 && ST1 == DS1 && !PD0 && !PD1 && YROW % DS0 == 0 && YCOL % DS1 == 0)

/* Window positions fit one word up to 32, several words beyond. */
#define AREA (DS0 * DS1)
#define WORDS CEIL_DIV(AREA, 32)
#if AREA <= 8
typedef uint8_t word;
#elif AREA <= 16
typedef uint16_t word;
#else
typedef uint32_t word;
#endif
typedef word wordvec __attribute__((vector_size(VL * sizeof(word))));

typedef struct {
    len B, Xnch, Xrow, Xcol, Wnch, Wrow, Wcol;
    len top, left, Prow, Pcol;          /* X with its zeros around */
    len Yrow, Ycol, Zrow, Zcol;
} Sizes;

#define KNOWN(constant, size) ((constant) ? (constant) : (size))

ALWAYS_INLINE len pooled(len y, len ds, len st, len pd)
{
    const len r = y + 2 * pd;
    if (IGNORE_BORDER)
        return r < ds ? 0 : (r - ds) / st + 1;
    if (st >= ds)
        return (r - 1) / st + 1;
    return MAX(0, (r - 1 - ds + st) / st) + 1;
}

/* The compiler follows the constants through here into every loop. */
ALWAYS_INLINE Sizes sizes(len B, len Xnch, len Xrow, len Xcol, len Wnch, len Wrow, len Wcol)
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
#define FIXED(t) sizes((t)->B, (t)->Xnch, (t)->Xrow, (t)->Xcol, (t)->Wnch, (t)->Wrow, (t)->Wcol)

/* x (Xnch, Xrow, Xcol) -> padded (Xnch, Prow, Pcol). */
static inline void pad_image(const Sizes *t, real *padded, const real *x)
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
