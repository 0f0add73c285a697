/* FMA peak: argv[1] threads, each with enough independent sums in registers to hide the latency. Prints GFLOP/s. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __AVX512F__
enum { BYTES = 64, SUMS = 24 };
#elif defined(__AVX__)
enum { BYTES = 32, SUMS = 12 };
#else
enum { BYTES = 16, SUMS = 12 };
#endif
typedef float vector __attribute__((vector_size(BYTES)));
int main(int argc, char **argv) {
    const int threads = atoi(argv[1]);
    const long loops = 20000000;
    volatile float sink[64];
    const double start = omp_get_wtime();
#pragma omp parallel num_threads(threads)
    {
        vector sum[SUMS], x, y;
        for (int i = 0; i < (int)(BYTES / sizeof(float)); i++) x[i] = 0.999f, y[i] = 0.001f;
        for (int s = 0; s < SUMS; s++) sum[s] = x * (float)s;
        for (long n = 0; n < loops; n++) {
#pragma GCC unroll 32
            for (int s = 0; s < SUMS; s++) sum[s] = sum[s] * x + y;
        }
        for (int s = 1; s < SUMS; s++) sum[0] += sum[s];
        sink[omp_get_thread_num() % 64] = sum[0][0];
    }
    printf("%.1f\n", 2e-9 * threads * loops * SUMS * (BYTES / sizeof(float)) / (omp_get_wtime() - start));
}
