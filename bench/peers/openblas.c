// Matrix products by OpenBLAS: `openblas SAMPLES M,N,K...` prints {"MxNxK": median seconds, ...}.
// Threads and instruction set: OPENBLAS_NUM_THREADS, OPENBLAS_CORETYPE.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { kRowMajor = 101, kPlain = 111 };
void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

static int Compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static float *Random(long count) {
  float *values = malloc(count * sizeof *values);
  for (long i = 0; i < count; ++i) values[i] = (float)rand() / RAND_MAX - 0.5f;
  return values;
}

int main(int argc, char **argv) {
  const int samples = argc > 1 ? atoi(argv[1]) : 0;
  if (samples < 1) return 2;
  double *seconds = malloc(samples * sizeof *seconds);
  for (int shape = 2; shape < argc; ++shape) {
    int m, n, k;
    if (sscanf(argv[shape], "%d,%d,%d", &m, &n, &k) != 3) return 2;
    float *a = Random((long)m * k), *b = Random((long)k * n), *c = Random((long)m * n);
    for (int i = -2; i < samples; ++i) {
      const double start = Now();
      cblas_sgemm(kRowMajor, kPlain, kPlain, m, n, k, 1, a, k, b, n, 0, c, n);
      if (i >= 0) seconds[i] = Now() - start;
    }
    qsort(seconds, samples, sizeof *seconds, Compare);
    printf("%s\"%dx%dx%d\": %.9f", shape == 2 ? "{" : ", ", m, n, k, seconds[samples / 2]);
    free(a);
    free(b);
    free(c);
  }
  printf("}\n");
  return 0;
}
