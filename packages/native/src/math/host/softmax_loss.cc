#include "math/host/softmax_loss.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "math/host/cross_entropy.h"
#include "math/host/vector_loops.h"

namespace mayfly {
namespace {

// Whose partials lie in cache lines of their own.
constexpr int64_t kLossColumns = 16;

// Calls body(range, first, end) for the rows [first, end) of each range among rows of the vocabulary.
template <class Body>
void ForRanges(int64_t first, int64_t rows, ThreadPool& pool, const Body& body) {
  const int64_t lowest = first / kSoftmaxRangeRows;
  pool.ParallelFor(CeilDivide(first + rows, kSoftmaxRangeRows) - lowest, 1, [&](int64_t begin, int64_t end) {
    for (int64_t range = lowest + begin; range < lowest + end; ++range) {
      body(range, std::max(first, range * kSoftmaxRangeRows), std::min(first + rows, (range + 1) * kSoftmaxRangeRows));
    }
  });
}

}  // namespace

void SoftmaxChunk(const SoftmaxProblem& problem, const SoftmaxRows<const uint16_t>& chunk, ThreadPool& pool) {
  const int64_t columns = problem.columns;
  const VectorLoops& loops = CurrentLoops();
  ForRanges(chunk.first, chunk.rows, pool, [&](int64_t range, int64_t first, int64_t end) {
    for (int64_t v = first; v < end; ++v)
      loops.half_to_float(chunk.half + (v - chunk.first) * chunk.stride, problem.logits + v * columns, columns);
    for (int64_t n = 0; n < columns; ++n) {
      const int64_t target = problem.targets[n];
      if (target >= first && target < end) problem.target_logits()[n] = problem.logits[target * columns + n];
    }
    // The rest of the range comes with the next chunk.
    if (end != std::min((range + 1) * kSoftmaxRangeRows, problem.vocab)) return;
    const int64_t begin = range * kSoftmaxRangeRows;
    float* const logits = problem.logits + begin * columns;
    float* const maxima = problem.maxima() + range * columns;
    loops.softmax.maximum(logits, end - begin, columns, maxima);
    loops.softmax.exponentiate(logits, end - begin, columns, maxima, problem.sums() + range * columns);
  });
}

double SoftmaxLoss(const SoftmaxProblem& problem, float gradient_scale, ThreadPool& pool) {
  const int64_t columns = problem.columns, ranges = problem.ranges();
  std::vector<double> losses(static_cast<size_t>(columns));
  pool.ParallelFor(columns, kLossColumns, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float* const maxima = problem.maxima() + n;
      float largest = maxima[0];
      for (int64_t range = 1; range < ranges; ++range) largest = std::max(largest, maxima[range * columns]);
      double sum = 0;
      for (int64_t range = 0; range < ranges; ++range) {
        float& maximum = maxima[range * columns];
        maximum = std::exp(maximum - largest);
        sum += static_cast<double>(maximum) * problem.sums()[range * columns + n];
      }
      const bool counts = problem.targets[n] != kIgnoredTarget;
      if (counts) losses[n] = static_cast<double>(largest) - problem.target_logits()[n] + std::log(sum);
      const float factor = counts ? static_cast<float>(gradient_scale / sum) : 0.0f;
      for (int64_t range = 0; range < ranges; ++range) maxima[range * columns] *= factor;
    }
  });
  return std::accumulate(losses.begin(), losses.end(), 0.0);
}

void SoftmaxGradient(const SoftmaxProblem& problem, float gradient_scale, const SoftmaxRows<uint16_t>& to,
                     ThreadPool& pool) {
  const int64_t columns = problem.columns;
  const VectorLoops& loops = CurrentLoops();
  ForRanges(to.first, to.rows, pool, [&](int64_t range, int64_t first, int64_t end) {
    float* const gradients = problem.logits;
    loops.softmax.scale(gradients + first * columns, end - first, columns, problem.maxima() + range * columns);
    for (int64_t n = 0; n < columns; ++n) {
      const int64_t target = problem.targets[n];
      if (target == kIgnoredTarget) {
        // Not even a logit that is not finite reaches a gradient.
        for (int64_t v = first; v < end; ++v) gradients[v * columns + n] = 0.0f;
      } else if (target >= first && target < end) {
        gradients[target * columns + n] -= gradient_scale;
      }
    }
    for (int64_t v = first; v < end; ++v)
      loops.float_to_half(gradients + v * columns, to.half + (v - to.first) * to.stride, columns);
  });
}

}  // namespace mayfly
