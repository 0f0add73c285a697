/* The matrix product, the gathering of rows and biases beside plain loops.
 *
 *   dense           compares them over random sizes, layouts and values, to the last bit
 *   dense rate M K N  prints GFLOP/s of a layer (M, K) (K, N), as cells of a table: forward, dW, dX
 */
#include "check.h"

namespace products {
#include "../kernels/product.h"
}
namespace gathering {
#include "../kernels/rows.h"
}
namespace biases {
#include "../kernels/bias.h"
}
using namespace products;

static Scratch scratch;

static Product matrices(len M, len K, len N, int transpose_A, int transpose_B)
{
    Product p;
    p.M = M, p.K = K, p.N = N, p.alpha = 1, p.beta = 0;
    p.A = room(M * K), p.B = room(K * N), p.C = room(M * N);
    p.am = transpose_A ? 1 : K, p.ak = transpose_A ? M : 1;
    p.bk = transpose_B ? 1 : N, p.bn = transpose_B ? K : 1;
    p.cm = N, p.cn = 1;
    fill((real *)p.A, M * K, 0), fill((real *)p.B, K * N, 0), fill(p.C, M * N, 0);
    return p;
}

static void release(Product p)
{
    free((void *)p.A), free((void *)p.B), free(p.C);
}

static void compare_products()
{
    Product p = matrices(draw(0, 70), draw(0, 70), draw(0, 70), draw(0, 1), draw(0, 1));
    if (draw(0, 1))
        p.cm = 1, p.cn = p.M;
    if (draw(0, 1)) {
        static const real factors[] = {0, 1, (real)0.8};
        p.alpha = (real)-0.3, p.beta = factors[draw(0, 2)];
    }
    real *want = room(p.M * p.N);
    for (len m = 0; m < p.M; m++)
        for (len n = 0; n < p.N; n++) {
            const len at = m * p.cm + n * p.cn;
            real sum = 0;
            for (len k = 0; k < p.K; k++)
                sum = FMA(p.A[m * p.am + k * p.ak], p.B[k * p.bk + n * p.bn], sum);
            const volatile real scaled = p.alpha * sum;     /* rounded */
            want[at] = p.beta == 0 ? scaled : FMA(p.beta, p.C[at], scaled);
        }
    EXPECT(product(&scratch, &p) == DONE);
    same("C", p.C, want, p.M * p.N * sizeof(real));
    free(want);
    release(p);
}

static void compare_rows()
{
    const long N = draw(1, 50), reals = draw(0, 400), n = draw(0, 200);
    real *X = room(N * reals), *have = room(n * reals), *want = room(n * reals);
    ptrdiff_t *index = (ptrdiff_t *)malloc(n * sizeof *index + 1);
    fill(X, N * reals, 0);
    for (long i = 0; i < n; i++) {
        index[i] = draw(-N, N - 1);
        for (long j = 0; j < reals; j++)
            want[i * reals + j] = X[(index[i] + N) % N * reals + j];
    }
    gathering::take_rows(have, X, N, reals, index, n);
    same("rows", have, want, n * reals * sizeof(real));
    free(X), free(have), free(want), free(index);
}

static void compare_biases()
{
    const long N = draw(0, 120), F = draw(1, 20), map = draw(0, 40), size = N * F * map;
    real *X = room(size), *b = room(F), *have = room(size), *want = room(size), sums[20], sum[20];
    fill(X, size, 0), fill(b, F, 0);
    for (long f = 0; f < F; f++) {
        double s = 0;
        for (long n = 0; n < N; n++)
            for (long j = 0; j < map; j++) {
                const long at = (n * F + f) * map + j;
                want[at] = X[at] + b[f];
                s += (double)X[at];
            }
        sum[f] = (real)s;
    }
    biases::add_bias(have, X, b, N, F, map);
    same("X + b", have, want, size * sizeof(real));
    biases::bias_gradient(sums, X, N, F, map);
    same("the gradient of b", sums, sum, F * sizeof(real));
    biases::add_bias(X, X, b, N, F, map);
    same("X + b in place", X, want, size * sizeof(real));
    free(X), free(b), free(have), free(want);
}

static double rate(len M, len K, len N, int transpose_A, int transpose_B)
{
    Product p = matrices(M, K, N, transpose_A, transpose_B);
    const double gflops = GFLOPS(2. * M * K * N, product(&scratch, &p));
    release(p);
    return gflops;
}

int main(int argc, char **argv)
{
    if (argc > 4) {
        const len M = atoi(argv[2]), K = atoi(argv[3]), N = atoi(argv[4]);
        printf(" | %.0f | %.0f | %.0f |\n", rate(M, K, N, 0, 0), rate(K, M, N, 1, 0), rate(M, N, K, 0, 1));
    } else {
        for (unsigned seed = 0; seed < 10 * SEEDS; seed++) {
            start_drawing(seed);
            compare_products();
            compare_rows();
            compare_biases();
        }
        printf("OK\n");
    }
    free(scratch.memory);
}
