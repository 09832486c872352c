// The library of Precision::kBlas: Accelerate on macOS, elsewhere OpenBLAS, or the one that MAYFLY_BLAS names. It is
// loaded by the first call of a process that asks for it, so a process without such a call never has it.
#pragma once

#include <string>

namespace mayfly {

struct Blas {
  // cblas_sgemm, with integers of 32 bits.
  using Sgemm = void (*)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float* a,
                         int a_stride, const float* b, int b_stride, float beta, float* c, int c_stride);

  std::string name;  // with the version and the kind of processor, where the library says them
  Sgemm sgemm = nullptr;
  // Makes the calling thread's products run on that thread alone, where a thread decides it. Null: nothing to do.
  int (*set_threading)(unsigned model) = nullptr;
};

// Throws ERR_BLAS if there is no such library, or if its first product differs from plain arithmetic.
const Blas& TheBlas();

}  // namespace mayfly
