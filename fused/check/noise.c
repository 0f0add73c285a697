/* Dropout and distortions beside plain loops, over random sizes and keys.
 *
 *   noise           compares them: dropout to the last bit, distortions, computed in double, to within 1 / 2000
 *   noise rate      prints values per ns, as cells of a table: dropout; moved, turned and zoomed, pushed pixels
 */
#include "check.h"

namespace dropping {
#include "../kernels/dropout.h"
}
namespace distorting {
#include "../kernels/distort.h"
}
using namespace distorting;

static Scratch scratch;

static void compare_dropout()
{
    const long n = draw(0, 3) ? draw(0, 500) : draw(0, 50000);
    const int64_t key = (int64_t)draw(0, 1L << 40);
    const double drop = draw(0, 99) / 100.;
    number *X = room(n), *have = room(n);
    fill(X, n, 0);
    dropping::dropout(have, X, n, key, drop);
    for (long i = 0; i < n; i++) {
        const int left_out = random_at(short_key(key), (uint32_t)i) < (uint32_t)(drop * 4294967296.);
        EXPECT(have[i] == (left_out ? 0 : X[i] * (number)(1 / (1 - drop))));
    }
    dropping::dropout(X, X, n, key, drop);                  /* in place */
    same("dropout in place", X, have, n * sizeof(number));
    free(X), free(have);
}

/* The pixel (r, c) of x; 0 beyond its border. */
static double pixel(const Distortion *d, const real *x, long r, long c)
{
    return r < 0 || c < 0 || r >= d->row || c >= d->col ? 0 : (double)x[r * d->col + c];
}

/* The displacement at (r, c): y where k is 0, x where it is 1. */
static double push(const Distortion *d, uint32_t key, int k, long r, long c)
{
    float wr[4], wc[4];
    double sum = 0;
    spline(wr, (float)(r % KNOT) / KNOT), spline(wc, (float)(c % KNOT) / KNOT);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            const long knot = (k * KNOTS(d->row) + r / KNOT + i) * KNOTS(d->col) + c / KNOT + j;
            sum += wr[i] * wc[j] * uniform(key, (uint32_t)(8 + knot));
        }
    return sum * d->elastic / ELASTIC_RMS;
}

static double distorted(const Distortion *d, const real *x, uint32_t key, long r, long c)
{
    const double angle = d->rotate * uniform(key, 0) * M_PI / 180, scale = 1 / (1 + d->zoom * uniform(key, 1));
    const double my = (d->row - 1) / 2., mx = (d->col - 1) / 2.;
    const double y = scale * (cos(angle) * (r - my) - sin(angle) * (c - mx)) + my - (double)whole(key, 2, (len)d->shift)
        + push(d, key, 0, r, c);
    const double x_ = scale * (sin(angle) * (r - my) + cos(angle) * (c - mx)) + mx - (double)whole(key, 3, (len)d->shift)
        + push(d, key, 1, r, c);
    const long iy = (long)floor(y), ix = (long)floor(x_);
    double sum = 0;
    for (long i = 0; i < 2; i++)
        for (long j = 0; j < 2; j++)
            sum += (i ? y - iy : 1 - y + iy) * (j ? x_ - ix : 1 - x_ + ix) * pixel(d, x, iy + i, ix + j);
    return sum;
}

static void compare_distort()
{
    Distortion d;
    d.N = draw(1, 5), d.nch = draw(1, 3), d.row = draw(1, 40), d.col = draw(1, 40);
    d.key = (int64_t)draw(0, 1L << 40);
    d.shift = draw(0, 1) * (double)draw(0, 50), d.rotate = draw(0, 1) * (double)draw(0, 180);
    d.zoom = draw(0, 1) * draw(0, 50) / 100., d.elastic = draw(0, 1) * draw(0, 30) / 10.;
    const long pixels = d.row * d.col, image = d.nch * pixels, n = draw(0, 9);
    number *X = room(d.N * image), *have = room(n * image);
    ptrdiff_t *index = (ptrdiff_t *)malloc(n * sizeof *index + 1);
    fill(X, d.N * image, 0);
    d.X = X;
    for (long i = 0; i < n; i++)
        index[i] = draw(0, d.N - 1);
    EXPECT(distort(&scratch, have, &d, index, n) == DONE);
    for (long i = 0; i < n; i++)
        for (long k = 0; k < d.nch; k++)
            for (long p = 0; p < pixels; p++) {
                const uint32_t key = hashed(short_key(d.key) + (uint32_t)i);
                const double want = distorted(&d, X + index[i] * image + k * pixels, key, p / d.col, p % d.col);
                EXPECT(fabs(have[i * image + k * pixels + p] - want) < 1 / 2000.);
            }
    free(X), free(have), free(index);
}

static double rate_of(double shift, double rotate, double zoom, double elastic)
{
    const long n = 100, image = 28 * 28;
    number *X = room(n * image), *Z = room(n * image);
    ptrdiff_t index[100];
    fill(X, n * image, 0);
    for (long i = 0; i < n; i++)
        index[i] = i;
    const Distortion d = {X, n, 1, 28, 28, 5, shift, rotate, zoom, elastic};
    const double rate = GFLOPS(n * image, distort(&scratch, Z, &d, index, n));
    free(X), free(Z);
    return rate;
}

int main(int argc, char **)
{
    if (argc > 1) {
        const long n = 57600;
        number *X = room(n);
        fill(X, n, 0);
        printf(" | %.1f | %.1f | %.1f | %.1f |\n", GFLOPS(n, dropping::dropout(X, X, n, 3, 0.)), rate_of(2, 0, 0, 0),
               rate_of(0, 10, 0.1, 0), rate_of(0, 0, 0, 1));
        free(X);
    } else {
        for (unsigned seed = 0; seed < SEEDS; seed++) {
            start_drawing(seed);
            compare_dropout();
            compare_distort();
        }
        printf("OK\n");
    }
    free(scratch.memory);
}
