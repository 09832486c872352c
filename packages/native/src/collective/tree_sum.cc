#include "collective/tree_sum.h"

#include <algorithm>

#include "math/host/vector_loops.h"

namespace mayfly {
namespace {

constexpr int64_t kBlock = 1024;

void SumBlock(const VectorLoops& loops, const float* const* parts, size_t count, int64_t at, int64_t length,
              float* sum) {
  if (count == 1) {
    std::copy_n(parts[0] + at, length, sum);
    return;
  }
  size_t half = 1;
  while (half * 2 < count) half *= 2;
  SumBlock(loops, parts, half, at, length, sum);
  if (count - half == 1) return loops.add(parts[half] + at, sum, length);
  float other[kBlock];
  SumBlock(loops, parts + half, count - half, at, length, other);
  loops.add(other, sum, length);
}

}  // namespace

void SumByTree(const std::vector<const float*>& parts, float* to, int64_t count) {
  const VectorLoops& loops = CurrentLoops();
  float sum[kBlock];
  for (int64_t at = 0; at < count; at += kBlock) {
    const int64_t length = std::min(kBlock, count - at);
    SumBlock(loops, parts.data(), parts.size(), at, length, sum);
    std::copy_n(sum, length, to + at);
  }
}

}  // namespace mayfly
