#include "math/host/adamw.h"

#include <algorithm>
#include <cmath>

#include "math/host/vector_loops.h"

namespace mayfly {
namespace {

// Elements that are worth a thread's while.
constexpr int64_t kGrain = 1 << 14;
// A block that is transposed: its weights stay in the first-level cache, and its rows fill cache lines of their
// transpose.
constexpr int64_t kBlockRows = 2 * kTransposeRows, kBlockColumns = 128;

// At most kBlockRows rows of a matrix, converted while they are in cache.
void UpdateRows(const VectorLoops& loops, const AdamwStep& step, const AdamwArgs& args, int64_t first, int64_t count) {
  const int64_t width = args.transpose ? kBlockColumns : args.columns;
  for (int64_t c = 0; c < args.columns; c += width) {
    const int64_t columns = std::min(width, args.columns - c);
    const float* rows[kBlockRows];
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = (first + i) * args.columns + c;
      loops.adamw(step, args.weights + at, args.gradients + at, args.m + at, args.v + at, columns);
      rows[i] = args.weights + at;
      if (!args.transpose) loops.float_to_half(rows[i], args.half + (first + i) * args.half_stride + c, columns);
    }
    for (int64_t i = 0; args.transpose && i < count; i += kTransposeRows) {
      uint16_t* to = args.half + c * args.half_stride + first + i;
      loops.transpose_to_half(rows + i, std::min(kTransposeRows, count - i), columns, to, args.half_stride);
    }
  }
}

}  // namespace

void Adamw(const AdamwArgs& args, ThreadPool& pool) {
  const double steps = static_cast<double>(args.step);
  AdamwStep step;
  step.gradient_scale = static_cast<float>(args.gradient_scale);
  step.keep_m = static_cast<float>(args.beta1);
  step.take_m = static_cast<float>(1 - args.beta1);
  step.keep_v = static_cast<float>(args.beta2);
  step.take_v = static_cast<float>(1 - args.beta2);
  step.decay = static_cast<float>(args.lr * args.weight_decay);
  step.rate = static_cast<float>(args.lr / (1 - std::pow(args.beta1, steps)));
  step.correct_v = static_cast<float>(1 / (1 - std::pow(args.beta2, steps)));
  step.eps = static_cast<float>(args.eps);
  const VectorLoops& loops = CurrentLoops();
  if (!args.rows.empty()) {
    return pool.ParallelFor(static_cast<int64_t>(args.rows.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t range = begin; range < end; ++range) {
        const int64_t at = args.rows[range].first * args.columns;
        const int64_t count = args.rows[range].second * args.columns - at;
        loops.adamw(step, args.weights + at, args.gradients + at, args.m + at, args.v + at, count);
      }
    });
  }
  if (args.half == nullptr) {
    return pool.ParallelFor(args.count, kGrain, [&](int64_t begin, int64_t end) {
      loops.adamw(step, args.weights + begin, args.gradients + begin, args.m + begin, args.v + begin, end - begin);
    });
  }
  const int64_t rows = args.count / args.columns;
  const int64_t grain = std::max<int64_t>(1, kGrain / args.columns / kBlockRows) * kBlockRows;
  pool.ParallelFor(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r += kBlockRows) UpdateRows(loops, step, args, r, std::min(kBlockRows, end - r));
  });
}

}  // namespace mayfly
