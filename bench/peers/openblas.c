// Threads and instruction set: OPENBLAS_NUM_THREADS, OPENBLAS_CORETYPE.
#include "sgemm.h"

enum { kRowMajor = 101, kPlain = 111, kTransposed = 112 };
void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float* a, int lda,
                 const float* b, int ldb, float beta, float* c, int ldc);

static void Multiply(int transposed_a, int transposed_b, int m, int n, int k, const float* a, const float* b,
                     float* c) {
  cblas_sgemm(kRowMajor, transposed_a ? kTransposed : kPlain, transposed_b ? kTransposed : kPlain, m, n, k, 1, a,
              transposed_a ? m : k, b, transposed_b ? k : n, 0, c, n);
}
