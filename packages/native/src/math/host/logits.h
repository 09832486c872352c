// The classifier for one column.
#pragma once

#include <cstdint>

#include "parallel/thread_pool.h"

namespace mayfly {

// out[v] = Σ_d table[v, d]·x[d · x_stride]
void Logits(const float* table, const float* x, int64_t x_stride, float* out, int64_t vocab, int64_t dim,
            ThreadPool& pool);

}  // namespace mayfly
