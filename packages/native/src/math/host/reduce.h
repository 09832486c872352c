// Sums of whole tensors.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/thread_pool.h"

namespace mayfly {

// Σ x² in double precision; the same for any number of threads.
double SumOfSquares(const float* x, int64_t count, ThreadPool& pool);

// to[i] += from[n - 1][i] + (… + (from[1][i] + from[0][i])), each sum rounded; none overlaps `to`.
void Add(const std::vector<const float*>& from, float* to, int64_t count, ThreadPool& pool);

}  // namespace mayfly
