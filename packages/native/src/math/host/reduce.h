// Sums of whole tensors.
#pragma once

#include <cstdint>

#include "parallel/thread_pool.h"

namespace mayfly {

// Σ x² in double precision; the same for any number of threads.
double SumOfSquares(const float* x, int64_t count, ThreadPool& pool);

// to[i] += from[i]; the two do not overlap.
void Add(const float* from, float* to, int64_t count, ThreadPool& pool);

}  // namespace mayfly
