#include "math/host/softmax_loss.h"

#include <algorithm>
#include <cmath>

#include "math/ceil_divide.h"
#include "math/host/cross_entropy.h"
#include "math/host/vector_loops.h"

namespace mayfly {
namespace {

// Of the vocabulary, handled by one thread at a time: it fixes the order of sums.
constexpr int64_t kRangeRows = 256;

}  // namespace

double SoftmaxLoss(const SoftmaxLossArgs& args, const std::vector<int32_t>& targets, ThreadPool& pool) {
  const int64_t columns = args.columns, ranges = CeilDivide(args.vocab, kRangeRows);
  const SoftmaxLoops& loops = CurrentLoops().softmax;
  // Per range and column. Exponentials are relative to the largest logit of their range.
  std::vector<float> maxima(static_cast<size_t>(ranges * columns)), sums(maxima.size());
  std::vector<float> target_logits(static_cast<size_t>(columns));
  for (int64_t n = 0; n < columns; ++n) {
    if (targets[n] != kIgnoredTarget) target_logits[n] = args.logits[targets[n] * columns + n];
  }
  const auto for_ranges = [&](const auto& body) {
    pool.ParallelFor(ranges, 1, [&](int64_t begin, int64_t end) {
      for (int64_t range = begin; range < end; ++range) {
        const int64_t first = range * kRangeRows;
        body(args.logits + first * columns, std::min(kRangeRows, args.vocab - first), range * columns);
      }
    });
  };
  for_ranges([&](float* logits, int64_t rows, int64_t at) {
    loops.maximum(logits, rows, columns, maxima.data() + at);
    loops.exponentiate(logits, rows, columns, maxima.data() + at, sums.data() + at);
  });
  double loss = 0;
  for (int64_t n = 0; n < columns; ++n) {
    float largest = maxima[n];
    for (int64_t range = 1; range < ranges; ++range) largest = std::max(largest, maxima[range * columns + n]);
    double sum = 0;
    for (int64_t range = 0; range < ranges; ++range) {
      float& maximum = maxima[range * columns + n];
      maximum = std::exp(maximum - largest);
      sum += static_cast<double>(maximum) * sums[range * columns + n];
    }
    const bool counts = targets[n] != kIgnoredTarget;
    if (counts) loss += static_cast<double>(largest) - target_logits[n] + std::log(sum);
    const float factor = counts ? static_cast<float>(args.gradient_scale / sum) : 0.0f;
    for (int64_t range = 0; range < ranges; ++range) maxima[range * columns + n] *= factor;
  }
  for_ranges([&](float* logits, int64_t rows, int64_t at) { loops.scale(logits, rows, columns, maxima.data() + at); });
  for (int64_t n = 0; n < columns; ++n) {
    if (targets[n] != kIgnoredTarget) {
      args.logits[targets[n] * columns + n] -= args.gradient_scale;
    } else {
      // Not even a logit that is not finite reaches a gradient.
      for (int64_t v = 0; v < args.vocab; ++v) args.logits[v * columns + n] = 0.0f;
    }
  }
  return loss;
}

}  // namespace mayfly
