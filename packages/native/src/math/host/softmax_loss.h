// Softmax and cross-entropy of logits that come in chunks of the vocabulary: SoftmaxChunk for each in the order of the
// classes, SoftmaxLoss once all are there, then SoftmaxGradient for any rows, each once. The same bits whatever the
// threads and the chunks.
#pragma once

#include <cstdint>
#include <vector>

#include "math/ceil_divide.h"
#include "parallel/thread_pool.h"

namespace mayfly {

// Of the vocabulary, handled by one thread at a time: it fixes the order of sums.
constexpr int64_t kSoftmaxRangeRows = 256;

// What the calls for one loss share.
struct SoftmaxProblem {
  // fp32 [vocab, columns]: logits, which become exponentials relative to the largest of their range, which become
  // gradients.
  float* logits;
  // fp32 [2 · ranges + 1, columns]: of each range the largest logit, which SoftmaxLoss replaces by the factor of its
  // gradients, and the sum of its exponentials; the target's logit.
  float* partials;
  int64_t vocab, columns;
  // One checked target (ReadTokens) per column, or kIgnoredTarget.
  std::vector<int32_t> targets;

  int64_t ranges() const { return CeilDivide(vocab, kSoftmaxRangeRows); }
  int64_t partial_rows() const { return 2 * ranges() + 1; }
  float* maxima() const { return partials; }
  float* sums() const { return partials + ranges() * columns; }
  float* target_logits() const { return partials + 2 * ranges() * columns; }
};

// Rows of the problem beside fp16 rows of another place, whose stride is in elements.
template <class T>
struct SoftmaxRows {
  int64_t first, rows;
  T* half;
  int64_t stride;
};

void SoftmaxChunk(const SoftmaxProblem& problem, const SoftmaxRows<const uint16_t>& chunk, ThreadPool& pool);

// Loss = Σ_n −log softmax_v(logits[v, n])[targets[n]] over the columns n that count; 0 where none does.
double SoftmaxLoss(const SoftmaxProblem& problem, float gradient_scale, ThreadPool& pool);

// Writes gradient_scale · dLoss/dLogits, the scale that SoftmaxLoss had: zeros in columns that do not count.
void SoftmaxGradient(const SoftmaxProblem& problem, float gradient_scale, const SoftmaxRows<uint16_t>& to,
                     ThreadPool& pool);

}  // namespace mayfly
