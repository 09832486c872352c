// Matrix products by a BLAS, in calls whose number and shapes follow from the shape of the product alone: the number of
// threads changes no bit of the result.
#pragma once

#include "math/gemm/gemm.h"

namespace mayfly {

// As BatchedGemm. Operands in fp16 are converted to fp32 first. Throws ERR_BLAS as TheBlas.
void BlasProducts(const GemmArgs& first, int64_t count, int64_t a_stride, int64_t b_stride, int64_t c_stride,
                  ThreadPool* pool);

}  // namespace mayfly
