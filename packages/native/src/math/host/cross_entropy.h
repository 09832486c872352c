// Classifier and cross-entropy in one, without storing the logits of a large vocabulary whole.
#pragma once

#include <cstdint>
#include <vector>

#include "math/gemm/precision.h"
#include "parallel/thread_pool.h"

namespace mayfly {

// The target of a column that does not count.
constexpr int32_t kIgnoredTarget = -1;

// x, dx fp32 [dim, columns]; table, d_table fp32 [vocab, dim]; one checked target (ReadTokens) per column, or
// kIgnoredTarget.
struct CrossEntropyArgs {
  const float* x;
  const float* table;
  int64_t vocab, dim, columns;
  float* dx;           // overwritten with gradient_scale · dLoss/dx; null leaves it out
  float* d_table;      // overwritten with gradient_scale · dLoss/dTable; null leaves it out
  float* log_sum_exp;  // [columns]: overwritten with log Σ_v exp(logits[v, n]), 0 where the target does not count; may
                       // be null
  float gradient_scale;
  Precision precision;  // of all three products
};

// Loss = Σ_n −log softmax_v(Σ_d table[v, d]·x[d, n])[targets[n]] over the columns n that count; 0 where none does. Not
// finite where one of their logits is not. Ignored columns have a gradient of zero.
double CrossEntropy(const CrossEntropyArgs& args, const std::vector<int32_t>& targets, ThreadPool& pool);

}  // namespace mayfly
