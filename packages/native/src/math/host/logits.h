// The classifier for one column.
#pragma once

#include <cstdint>

#include "dtype.h"
#include "parallel/thread_pool.h"

namespace mayfly {

// out[v] = Σ_d table[v, d]·x[d · x_stride]; the table is fp32 or fp16.
void Logits(const void* table, DType table_type, const float* x, int64_t x_stride, float* out, int64_t vocab,
            int64_t dim, ThreadPool& pool);

}  // namespace mayfly
