/* Minibatches gathered and distorted: each image is shifted, turned, zoomed and pushed about, each time in another way. */
#include "kernel.h"
#include "random.h"

#define KNOT 7                          /* pixels from one knot of the elastic field to the next */
#define KNOTS(pixels) (CEIL_DIV(pixels, KNOT) + 3)
#define ELASTIC_RMS 0.2768f             /* of a cubic B-spline through knots that are uniform in [-1, 1) */

/* Images X (N, nch, row, col), and the most that each distortion does. */
typedef struct {
    const real *X;
    len N, nch, row, col;
    int64_t key;
    double shift, rotate, zoom, elastic;        /* whole pixels; degrees; share; pixels, root mean square */
} Distortion;

/* A number in [-1, 1). */
ALWAYS_INLINE float uniform(uint32_t key, uint32_t place)
{
    return (float)((int32_t)random_at(key, place) >> 8) * (1 / 8388608.f);
}

/* A whole number from -most to most. */
ALWAYS_INLINE len whole(uint32_t key, uint32_t place, len most)
{
    return (len)((uint64_t)random_at(key, place) * (uint64_t)(2 * most + 1) >> 32) - most;
}

/* Sine and cosine of |x| <= pi, by their series: the C library's may differ from one processor to the next. */
static void sine_cosine(double x, double *sine, double *cosine)
{
    double s = 0, c = 0;
    for (int n = 20; n > 0; n -= 2) {
        s = (1 - s) * x * x / (n * (n + 1));
        c = (1 - c) * x * x / (n * (n - 1));
    }
    *sine = x * (1 - s), *cosine = 1 - c;
}

/* Weights of the four knots around a place, f of the way from the second to the third: the cubic B-spline. */
ALWAYS_INLINE void spline(float w[4], float f)
{
    const float g = 1 - f;
    w[0] = g * g * g / 6, w[3] = f * f * f / 6;
    w[1] = 2 / 3.f - f * f * (1 - f / 2), w[2] = 2 / 3.f - g * g * (1 - g / 2);
}

/* Reals of scratch that an image takes: it with zeros around, the field along columns, its knots, a row of places. */
static len distort_reals(const Distortion *d)
{
    return ALIGNED((d->row + 3) * (d->col + 3)) + ALIGNED(2 * KNOTS(d->row) * d->col + 16)
        + ALIGNED(2 * KNOTS(d->row) * KNOTS(d->col)) + 3 * ALIGNED(d->col);
}

/* The field at the knots of every row, interpolated along the columns: field (2, KNOTS(row), col), y first. */
static void field_along_columns(real *__restrict__ field, real *__restrict__ knot, const Distortion *d, uint32_t key)
{
    const len rows = 2 * KNOTS(d->row), cols = KNOTS(d->col);
    const float most = (float)d->elastic / ELASTIC_RMS;
    real w[4][KNOT + 1];                /* one column more than needed, a whole vector: the next ones are put over it */
    for (int f = 0; f <= KNOT; f++) {
        float of[4];
        spline(of, (float)f / KNOT);
        for (int j = 0; j < 4; j++)
            w[j][f] = of[j];
    }
    for (len n = 0; n < rows * cols; n++)
        knot[n] = most * uniform(key, (uint32_t)(8 + n));
    for (len k = 0; k < rows; k++)
        for (len first = 0; first < d->col; first += KNOT) {
            const real *at = knot + k * cols + first / KNOT;
            real *to = field + k * d->col + first;
            for (int f = 0; f <= KNOT; f++) {
                real sum = 0;           /* one product after the other: a sum of two could be fused in two ways */
                sum += w[1][f] * at[1];
                sum += w[0][f] * at[0];
                sum += w[2][f] * at[2];
                sum += w[3][f] * at[3];
                to[f] = sum;
            }
        }
}

/* Where the pixels of a row come from, (y0, x0) + (ys, xs) (c - middle) + the field, in the padded image: the pixel
 * above and to the left, and how far down and right of it. In whole vectors, beyond the last column, too. */
static void find_row(int32_t *__restrict__ from, real *__restrict__ down, real *__restrict__ right, real y0, real x0,
                     real ys, real xs, const real *__restrict__ field, const float w[4], const Distortion *d)
{
    const len col = d->col, other = KNOTS(d->row) * col;
    const real middle = (real)((col - 1) / 2.), last_row = (real)d->row, last_col = (real)col;
    const real w0 = (real)w[0], w1 = (real)w[1], w2 = (real)w[2], w3 = (real)w[3];
    const int32_t width = (int32_t)col + 3;
    for (len c = 0; c < ALIGNED(col); c++) {
        const real aside = (real)(int32_t)c - middle;
        real y = y0 + ys * aside, x = x0 + xs * aside;
        y += w0 * field[c];
        y += w1 * field[col + c];
        y += w2 * field[2 * col + c];
        y += w3 * field[3 * col + c];
        x += w0 * field[other + c];
        x += w1 * field[other + col + c];
        x += w2 * field[other + 2 * col + c];
        x += w3 * field[other + 3 * col + c];
        y = MIN(MAX(y, (real)-1), last_row) + 1, x = MIN(MAX(x, (real)-1), last_col) + 1;
        const int32_t iy = (int32_t)y, ix = (int32_t)x;
        down[c] = y - (real)iy, right[c] = x - (real)ix;
        from[c] = iy * width + ix;
    }
}

/* The pixels of z between the four around their places. */
static void interpolate(real *__restrict__ z, const real *__restrict__ padded, const int32_t *__restrict__ from,
                        const real *__restrict__ down, const real *__restrict__ right, const Distortion *d)
{
    for (len c = 0; c < d->col; c++) {
        const real *p = padded + from[c], *q = p + d->col + 3;
        const real upper = p[0] + right[c] * (p[1] - p[0]), lower = q[0] + right[c] * (q[1] - q[0]);
        z[c] = upper + down[c] * (lower - upper);
    }
}

/* One channel x (row, col) -> z, moved by whole pixels: in one go, then what has come from beyond the border. */
static void shift_channel(const Distortion *d, real *__restrict__ z, const real *__restrict__ x, len dy,
                          len dx)
{
    const len pixels = d->row * d->col, moved = dy * d->col + dx;
    for (len n = MAX(moved, 0); n < MIN(pixels, pixels + moved); n++)
        z[n] = x[n - moved];
    for (len r = 0; r < d->row; r++) {
        len first = dx < 0 ? MAX(d->col + dx, 0) : 0, last = dx < 0 ? d->col : MIN(dx, d->col);
        if (r < dy || r >= d->row + dy)
            first = 0, last = d->col;
        for (len c = first; c < last; c++)
            z[r * d->col + c] = 0;
    }
}

/* One image x (nch, row, col) -> z. The pixel at (r, c) of z is that of x at M (r - middle, c - middle) + middle, moved by
 * shift and by the elastic field, between the four pixels around; beyond the border are zeros. */
static void distort_image(const Distortion *d, real *__restrict__ z, const real *__restrict__ x, uint32_t key, real *scratch)
{
    const len row = d->row, col = d->col, width = col + 3, pixels = row * col;
    const len dy = whole(key, 2, (len)d->shift), dx = whole(key, 3, (len)d->shift);
    if (!d->rotate && !d->zoom && !d->elastic) {
        for (len k = 0; k < d->nch; k++)
            shift_channel(d, z + k * pixels, x + k * pixels, dy, dx);
        return;
    }
    real *__restrict__ padded = scratch, *field = padded + ALIGNED((row + 3) * width);
    real *knot = field + ALIGNED(2 * KNOTS(row) * col + 16);
    real *__restrict__ down = knot + ALIGNED(2 * KNOTS(row) * KNOTS(col)), *__restrict__ right = down + ALIGNED(col);
    int32_t *__restrict__ from = (int32_t *)(right + ALIGNED(col));
    double sine, cosine;
    sine_cosine(d->rotate * uniform(key, 0) * (3.14159265358979323846 / 180), &sine, &cosine);
    const double scale = 1 / (1 + d->zoom * uniform(key, 1));
    const double m00 = scale * cosine, m01 = scale * sine, middle_y = (row - 1) / 2., middle_x = (col - 1) / 2.;
    if (d->elastic)
        field_along_columns(field, knot, d, key);
    else
        memset(field, 0, 2 * KNOTS(row) * col * sizeof(real));
    memset(padded, 0, (row + 3) * width * sizeof(real));
    for (len k = 0; k < d->nch; k++) {
        for (len r = 0; r < row; r++)
            memcpy(padded + (r + 1) * width + 1, x + k * pixels + r * col, col * sizeof(real));
        for (len r = 0; r < row; r++, z += col) {
            float w[4];
            spline(w, (float)(r % KNOT) / KNOT);
            const real y0 = (real)(m00 * (r - middle_y) + middle_y - dy);
            const real x0 = (real)(m01 * (r - middle_y) + middle_x - dx);
            find_row(from, down, right, y0, x0, (real)-m01, (real)m00, field + r / KNOT * col, w, d);
            interpolate(z, padded, from, down, right, d);
        }
    }
}

/* Z (n, nch, row, col): the images at index (n,), from 0 to N - 1, each distorted in its own way. */
static int distort(Scratch *s, real *Z, const Distortion *d, const ptrdiff_t *index, len n)
{
    const len image = d->nch * d->row * d->col, reals = distort_reals(d);
    const uint32_t key = short_key(d->key);
    real *scratch = get_scratch(s, THREADS * reals);
    if (!scratch)
        return NO_MEMORY;
    #pragma omp parallel for schedule(static)
    for (len i = 0; i < n; i++)
        distort_image(d, Z + i * image, d->X + index[i] * image, hashed(key + (uint32_t)i), scratch + THREAD * reals);
    return DONE;
}
