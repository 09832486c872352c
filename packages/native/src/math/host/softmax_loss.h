// Softmax and cross-entropy of logits that are there.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/thread_pool.h"

namespace mayfly {

// logits fp32 [vocab, columns]; one checked target (ReadTokens) per column, or kIgnoredTarget.
struct SoftmaxLossArgs {
  float* logits;  // overwritten with gradient_scale · dLoss/dLogits: zeros in columns that do not count
  int64_t vocab, columns;
  float gradient_scale;
};

// Loss = Σ_n −log softmax_v(logits[v, n])[targets[n]] over the columns n that count; 0 where none does. The same bits
// whatever the threads.
double SoftmaxLoss(const SoftmaxLossArgs& args, const std::vector<int32_t>& targets, ThreadPool& pool);

}  // namespace mayfly
