/* exp, expm1, log, log1p and tanh, the same to the last bit on every processor, with any compiler and C library.
 *
 * The C library's differ in the last digits from version to version and from processor to processor. These are sums and
 * products in double precision, whose order and rounding are written down: a multiply-add is fused where it says FMA,
 * and nowhere else, as the file is compiled with -ffp-contract=off. Within 0.51 units in the last place in single
 * precision, 5 in double. Included after all other headers, as it takes the functions' names.
 */
#ifndef SAME_FUNCTIONS
#define SAME_FUNCTIONS
#include <math.h>
#include <stdint.h>
#include <string.h>

#define FMA __builtin_fma
static const double SAME_LOG2E = 0x1.71547652b82fep0, SAME_LN2_HIGH = 0x1.62e42fefa39efp-1,
                    SAME_LN2_LOW = 0x1.abc9e3b39803fp-56, SAME_SHIFT = 0x1.8p52, SAME_ROOT_HALF = 0x1.6a09e667f3bcdp-1;

static inline int64_t same_bits(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double same_real(int64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n for a whole n within the range of exponents. Added to SHIFT, n is in the last bits. */
static inline double same_power_of_two(double n)
{
    return same_real((int64_t)((uint64_t)(same_bits(n + SAME_SHIFT) - same_bits(SAME_SHIFT) + 1023) << 52));
}

/* exp(x) = 2^n exp(r), |r| <= ln 2 / 2, by Taylor's series. */
static inline double same_exp(double x)
{
    x = x < -746 ? -746 : x > 710 ? 710 : x;
    const double n = FMA(x, SAME_LOG2E, SAME_SHIFT) - SAME_SHIFT;
    const double r = FMA(n, -SAME_LN2_LOW, FMA(n, -SAME_LN2_HIGH, x));
    double p = 1 / 6227020800.;
    p = FMA(p, r, 1 / 479001600.);
    p = FMA(p, r, 1 / 39916800.);
    p = FMA(p, r, 1 / 3628800.);
    p = FMA(p, r, 1 / 362880.);
    p = FMA(p, r, 1 / 40320.);
    p = FMA(p, r, 1 / 5040.);
    p = FMA(p, r, 1 / 720.);
    p = FMA(p, r, 1 / 120.);
    p = FMA(p, r, 1 / 24.);
    p = FMA(p, r, 1 / 6.);
    p = FMA(p, r, 1 / 2.);
    p = FMA(p, r, 1);
    p = FMA(p, r, 1);
    const double half = FMA(n, 0.5, SAME_SHIFT) - SAME_SHIFT;       /* 2^n in two steps: it may be out of range */
    return p * same_power_of_two(half) * same_power_of_two(n - half);
}

static inline float same_exp(float x)
{
    const double y = x < -110 ? -110 : x > 90 ? 90 : x;
    const double n = FMA(y, SAME_LOG2E, SAME_SHIFT) - SAME_SHIFT, r = FMA(n, -SAME_LN2_HIGH, y);
    double p = 1 / 362880.;
    p = FMA(p, r, 1 / 40320.);
    p = FMA(p, r, 1 / 5040.);
    p = FMA(p, r, 1 / 720.);
    p = FMA(p, r, 1 / 120.);
    p = FMA(p, r, 1 / 24.);
    p = FMA(p, r, 1 / 6.);
    p = FMA(p, r, 1 / 2.);
    p = FMA(p, r, 1);
    p = FMA(p, r, 1);
    return (float)(p * same_power_of_two(n));
}

/* log(x) = e ln 2 + log(m), sqrt(1/2) <= m < sqrt(2), by the series of 2 artanh((m - 1) / (m + 1)). */
static inline double same_log(double x)
{
    if (!(x > 0) || x == HUGE_VAL)
        return x == 0 ? -HUGE_VAL : x > 0 ? x : x - x + (x < 0 ? same_real(0x7ff8000000000000) : 0);
    const int is_small = x < 0x1p-1022;
    const int64_t bits = same_bits(is_small ? x * 0x1p54 : x) - same_bits(SAME_ROOT_HALF);
    const double e = (double)(int32_t)(bits >> 52) - (is_small ? 54 : 0);
    const double m = same_real((bits & 0xfffffffffffff) + same_bits(SAME_ROOT_HALF));
    const double f = (m - 1) / (m + 1), s = f * f, f2 = f + f;
    double p = 1 / 23.;
    p = FMA(p, s, 1 / 21.);
    p = FMA(p, s, 1 / 19.);
    p = FMA(p, s, 1 / 17.);
    p = FMA(p, s, 1 / 15.);
    p = FMA(p, s, 1 / 13.);
    p = FMA(p, s, 1 / 11.);
    p = FMA(p, s, 1 / 9.);
    p = FMA(p, s, 1 / 7.);
    p = FMA(p, s, 1 / 5.);
    p = FMA(p, s, 1 / 3.);
    return FMA(e, SAME_LN2_HIGH, FMA(e, SAME_LN2_LOW, FMA(f2 * s, p, f2)));
}

/* These two by Kahan's formulas: what u has lost of x is made good by its logarithm. */
static inline double same_expm1(double x)
{
    const double u = same_exp(x);
    return u == 1 ? x : u - 1 == -1 ? -1 : u == HUGE_VAL ? u : (u - 1) / same_log(u) * x;
}

static inline double same_log1p(double x)
{
    const double u = 1 + x;
    return u == 1 ? x : u == HUGE_VAL ? u : u == 0 ? -HUGE_VAL : same_log(u) + (x - (u - 1)) / u;
}

static inline double same_tanh(double x)
{
    const double a = fabs(x) > 22 ? 22 : fabs(x), u = same_expm1(2 * a);
    return __builtin_copysign(u / (u + 2), x);
}

/* Near 0 by Taylor's series, as the difference loses digits there. */
static inline float same_tanh(float x)
{
    const double y = x, s = y * y;
    double p = 62 / 2835.;
    p = FMA(p, s, -17 / 315.);
    p = FMA(p, s, 2 / 15.);
    p = FMA(p, s, -1 / 3.);
    const double near_0 = FMA(p * s, y, y), beyond = 1 - 2 / (same_exp(2 * fabs(y)) + 1);
    return (float)(fabs(y) < 0.05 ? near_0 : __builtin_copysign(beyond, y));
}

static inline float same_log(float x) { return (float)same_log((double)x); }
static inline float same_expm1(float x) { return (float)same_expm1((double)x); }
static inline float same_log1p(float x) { return (float)same_log1p((double)x); }

/* Of whole numbers, as in <cmath>. */
template <typename T> static inline double same_exp(T x) { return same_exp((double)x); }
template <typename T> static inline double same_log(T x) { return same_log((double)x); }
template <typename T> static inline double same_expm1(T x) { return same_expm1((double)x); }
template <typename T> static inline double same_log1p(T x) { return same_log1p((double)x); }
template <typename T> static inline double same_tanh(T x) { return same_tanh((double)x); }

#undef FMA
#define exp(x) same_exp(x)
#define log(x) same_log(x)
#define expm1(x) same_expm1(x)
#define log1p(x) same_log1p(x)
#define tanh(x) same_tanh(x)
#endif
