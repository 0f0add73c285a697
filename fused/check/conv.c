/* The kernels of convolution and max-pooling beside plain loops, for the constants that it is compiled with.
 *
 *   conv          compares them over random sizes and values: to the last bit, as the loops sum in the same order
 *   conv rate     prints their GFLOP/s on minibatches of 100, as cells of a table
 */
#include "check.h"

namespace with_winners {
#define WINNERS 1
#include "../kernels/conv_pool.h"
}
namespace without_winners {
#undef WINNERS
#define WINNERS 0
#include "../kernels/conv_pool.h"
}
namespace for_filters {
#include "../kernels/grad_w.h"
}
namespace for_images {
#include "../kernels/grad_x.h"
}
using namespace with_winners;

#define SIZES(space, s) space::sizes(s.B, s.Xnch, s.Xrow, s.Xcol, s.Wnch, s.Wrow, s.Wcol)

/* ---- The plain loops. ---------------------------------------------------- */

static real pixel(const Sizes &s, const real *x, len b, len c, len row, len col)
{
    row -= s.top, col -= s.left;
    const int inside = 0 <= row && row < s.Xrow && 0 <= col && col < s.Xcol;
    return inside ? x[((b * s.Xnch + c) * s.Xrow + row) * s.Xcol + col] : 0;
}

static len tap(const Sizes &s, len f, len c, len i, len j)
{
    return FLIP ? ((f * s.Xnch + c) * s.Wrow + s.Wrow - 1 - i) * s.Wcol + s.Wcol - 1 - j
                : ((f * s.Xnch + c) * s.Wrow + i) * s.Wcol + j;
}

static real feature(const Sizes &s, const real *x, const real *w, len b, len f, len row, len col)
{
    real y = 0;
    for (len c = 0; c < s.Xnch; c++)
        for (len i = 0; i < s.Wrow; i++)
            for (len j = 0; j < s.Wcol; j++)
                y = FMA(w[tap(s, f, c, i, j)], pixel(s, x, b, c, row + i, col + j), y);
    return y;
}

static void plain_conv_pool(const Sizes &s, const real *x, const real *w, real *z, word *winners)
{
    const len P = s.Zrow * s.Zcol;
    memset(winners, 0, s.B * P * WORDS * s.Wnch * sizeof(word));
    for (len b = 0; b < s.B; b++)
        for (len f = 0; f < s.Wnch; f++)
            for (len p = 0; p < P; p++) {
                const len row_0 = p / s.Zcol * ST0 - PD0, col_0 = p % s.Zcol * ST1 - PD1;
                real y[AREA], best = 0;
                int in[AREA], first = 1;
                for (int k = 0; k < AREA; k++) {
                    const len row = row_0 + k / DS1, col = col_0 + k % DS1;
                    in[k] = 0 <= row && row < s.Yrow && 0 <= col && col < s.Ycol;
                    if (!in[k])
                        continue;
                    y[k] = feature(s, x, w, b, f, row, col);
                    if (first || y[k] > best)
                        best = y[k];
                    first = 0;
                }
                z[(b * s.Wnch + f) * P + p] = best;
                for (int k = 0; k < AREA; k++)
                    if (in[k] && y[k] == best)
                        winners[((b * P + p) * WORDS + k / 32) * s.Wnch + f] |= (word)((uint32_t)1 << k % 32);
            }
}

static int is_winner(const Sizes &s, const word *winners, len b, len p, int k, len f)
{
    return winners[((b * s.Zrow * s.Zcol + p) * WORDS + k / 32) * s.Wnch + f] >> k % 32 & 1;
}

/* One weight's gradient: images in chunks of at least 512 windows, at most 64 of them. */
static real weight_gradient(const Sizes &s, const real *x, const real *gz, const word *winners,
                            len f, len c, len i, len j)
{
    const len P = s.Zrow * s.Zcol, pieces = MIN(64, CEIL_DIV(s.B * P, 512)), chunk = pieces ? CEIL_DIV(s.B, pieces) : 1;
    real total = 0;
    for (len b0 = 0; b0 < s.B; b0 += chunk) {
        real sum = 0;
        for (len b = b0; b < MIN(b0 + chunk, s.B); b++)
            for (len p = 0; p < P; p++)
                for (int k = 0; k < AREA; k++)
                    if (is_winner(s, winners, b, p, k, f))
                        sum = FMA(gz[(b * s.Wnch + f) * P + p],
                                  pixel(s, x, b, c, p / s.Zcol * ST0 - PD0 + k / DS1 + i,
                                        p % s.Zcol * ST1 - PD1 + k % DS1 + j), sum);
        total = b0 ? total + sum : sum;
    }
    return total;
}

static void plain_grad_w(const Sizes &s, const real *x, const real *gz, const word *winners, real *gw)
{
    for (len f = 0; f < s.Wnch; f++)
        for (len c = 0; c < s.Xnch; c++)
            for (len i = 0; i < s.Wrow; i++)
                for (len j = 0; j < s.Wcol; j++)
                    gw[tap(s, f, c, i, j)] = weight_gradient(s, x, gz, winners, f, c, i, j);
}

static void plain_grad_x(const Sizes &s, const real *w, const real *gz, const word *winners, real *gx)
{
    const len P = s.Zrow * s.Zcol;
    memset(gx, 0, s.B * s.Xnch * s.Xrow * s.Xcol * sizeof(real));
    for (len b = 0; b < s.B; b++)
        for (len p = 0; p < P; p++)
            for (int k = 0; k < AREA; k++)
                for (len f = 0; f < s.Wnch; f++)
                    for (len c = 0; is_winner(s, winners, b, p, k, f) && c < s.Xnch; c++)
                        for (len i = 0; i < s.Wrow; i++)
                            for (len j = 0; j < s.Wcol; j++) {
                                const len row = p / s.Zcol * ST0 - PD0 + k / DS1 + i - s.top;
                                const len col = p % s.Zcol * ST1 - PD1 + k % DS1 + j - s.left;
                                if (row < 0 || row >= s.Xrow || col < 0 || col >= s.Xcol)
                                    continue;
                                real *d = gx + ((b * s.Xnch + c) * s.Xrow + row) * s.Xcol + col;
                                *d = FMA(gz[(b * s.Wnch + f) * P + p], w[tap(s, f, c, i, j)], *d);
                            }
}

/* ---- Comparison and rates. ----------------------------------------------- */

typedef struct { real *x, *w, *z, *gz, *gw, *gx; word *winners; } Arrays;

static Arrays arrays(const Sizes &s)
{
    const len P = s.Zrow * s.Zcol;
    Arrays a;
    a.x = room(s.B * s.Xnch * s.Xrow * s.Xcol), a.gx = room(s.B * s.Xnch * s.Xrow * s.Xcol);
    a.w = room(s.Wnch * s.Xnch * s.Wrow * s.Wcol), a.gw = room(s.Wnch * s.Xnch * s.Wrow * s.Wcol);
    a.z = room(s.B * s.Wnch * P), a.gz = room(s.B * s.Wnch * P);
    a.winners = (word *)malloc(s.B * P * WORDS * s.Wnch * sizeof(word) + 1);
    return a;
}

/* 0, as background is, in the n x rows x cols values of a outside a box, of each of the n another. */
static void blank_around(real *a, len n, len rows, len cols)
{
    for (len k = 0; k < n; k++) {
        const len top = draw(0, rows), bottom = draw(top, rows), left = draw(0, cols), right = draw(left, cols);
        for (len r = 0; r < rows; r++)
            for (len c = 0; c < cols; c++, a++)
                if (r < top || r >= bottom || c < left || c >= right)
                    *a = draw(0, 9) ? 0 : (real)-0.;
    }
}

static void draw_arrays(const Sizes &s, Arrays a)
{
    const int whole = draw(0, 1);                   /* small whole numbers tie all the time */
    fill(a.x, s.B * s.Xnch * s.Xrow * s.Xcol, whole);
    fill(a.w, s.Wnch * s.Xnch * s.Wrow * s.Wcol, whole);
    fill(a.gz, s.B * s.Wnch * s.Zrow * s.Zcol, whole);
}

static void release(Arrays a)
{
    free(a.x), free(a.w), free(a.z), free(a.gz), free(a.gw), free(a.gx), free(a.winners);
}

static Scratch scratch[4];

static void kernels(const Sizes &s, Arrays a)
{
    for_filters::Scratch *const of_filters = (for_filters::Scratch *)&scratch[1];
    for_images::Scratch *const of_images = (for_images::Scratch *)&scratch[2];
    EXPECT(conv_pool(&scratch[0], s, a.x, a.w, a.z, a.winners) == DONE);
    EXPECT(for_filters::grad_w(of_filters, SIZES(for_filters, s), a.x, a.gz, a.winners, a.gw) == DONE);
    EXPECT(for_images::grad_x(of_images, SIZES(for_images, s), a.w, a.gz, a.winners, a.gx) == DONE);
}

static void compare(unsigned seed)
{
    start_drawing(seed);
    const len Wrow = draw(1, 5), Wcol = draw(1, 5);
    const Sizes s = sizes(draw(0, 9), draw(1, 4), draw(Wrow, 17), draw(Wcol, 17), draw(1, 20), Wrow, Wcol);
    const len zs = s.B * s.Wnch * s.Zrow * s.Zcol, ws = s.Wnch * s.Xnch * s.Wrow * s.Wcol;
    Arrays have = arrays(s), want = have;
    want.z = room(zs), want.gw = room(ws), want.gx = room(s.B * s.Xnch * s.Xrow * s.Xcol);
    want.winners = (word *)malloc(zs * WORDS * sizeof(word) + 1);
    draw_arrays(s, have);
    if (draw(0, 1))
        blank_around(have.x, s.B, s.Xnch * s.Xrow, s.Xcol);
    if (draw(0, 1))
        blank_around(have.gz, s.B * s.Wnch, s.Zrow, s.Zcol);
    kernels(s, have);
    plain_conv_pool(s, have.x, have.w, want.z, want.winners);
    same("Z", have.z, want.z, zs * sizeof(real));
    same("winners", have.winners, want.winners, zs * WORDS * sizeof(word));
    plain_grad_w(s, have.x, have.gz, want.winners, want.gw);
    same("gW", have.gw, want.gw, ws * sizeof(real));
    plain_grad_x(s, have.w, have.gz, want.winners, want.gx);
    same("gX", have.gx, want.gx, s.B * s.Xnch * s.Xrow * s.Xcol * sizeof(real));
    memset(have.z, -1, zs * sizeof(real));
    EXPECT(without_winners::conv_pool((without_winners::Scratch *)&scratch[3], SIZES(without_winners, s),
                                      have.x, have.w, have.z, NULL) == DONE);
    same("Z without winners", have.z, want.z, zs * sizeof(real));
    free(want.z), free(want.gw), free(want.gx), free(want.winners);
    release(have);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        const Sizes s = sizes(100, 0, 0, 0, 0, 0, 0);       /* all constants */
        const double taps = 2. * s.B * s.Wnch * s.Xnch * s.Wrow * s.Wcol;
        Arrays a = arrays(s);
        start_drawing(0);
        do
            draw_arrays(s, a);
        while (a.x[0] == (int)a.x[0]);                      /* not the whole numbers */
        kernels(s, a);
        for_filters::Scratch *const of_filters = (for_filters::Scratch *)&scratch[1];
        for_images::Scratch *const of_images = (for_images::Scratch *)&scratch[2];
        printf(" %s | %.0f | %.0f | %.0f |\n", GRAD_W_FORM,
               GFLOPS(taps * s.Yrow * s.Ycol, conv_pool(&scratch[0], s, a.x, a.w, a.z, a.winners)),
               GFLOPS(taps * s.Zrow * s.Zcol, for_filters::grad_w(of_filters, SIZES(for_filters, s),
                                                                    a.x, a.gz, a.winners, a.gw)),
               GFLOPS(taps * s.Zrow * s.Zcol, for_images::grad_x(of_images, SIZES(for_images, s),
                                                                   a.w, a.gz, a.winners, a.gx)));
        release(a);
    } else {
        for (unsigned seed = 0; seed < SEEDS; seed++)
            compare(seed);
        printf("OK, dW by %s\n", GRAD_W_FORM);
    }
    for (int k = 0; k < 4; k++)
        free(scratch[k].memory);
}
