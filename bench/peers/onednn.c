// Threads and instruction set: OMP_NUM_THREADS, ONEDNN_MAX_CPU_ISA.
#include <dnnl.h>

#include "sgemm.h"

static void Multiply(int transposed_a, int transposed_b, int m, int n, int k, const float* a, const float* b,
                     float* c) {
  const dnnl_status_t status = dnnl_sgemm(transposed_a ? 'T' : 'N', transposed_b ? 'T' : 'N', m, n, k, 1, a,
                                          transposed_a ? m : k, b, transposed_b ? k : n, 0, c, n);
  if (status != dnnl_success) exit(1);
}
