#include "math/host/reduce.h"

#include <algorithm>
#include <vector>

#include "math/host/vector_loops.h"

namespace mayfly {

double SumOfSquares(const float* x, int64_t count, ThreadPool& pool) {
  constexpr int64_t kBlock = 1 << 16;
  const VectorLoops& loops = CurrentLoops();
  std::vector<double> sums((count + kBlock - 1) / kBlock);
  pool.ParallelFor(static_cast<int64_t>(sums.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kBlock;
      sums[block] = loops.sum_of_squares(x + first, std::min(kBlock, count - first));
    }
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

void Add(const std::vector<const float*>& from, float* to, int64_t count, ThreadPool& pool) {
  constexpr int64_t kBlock = 1 << 12;  // stays in the first-level cache from sum to sum
  const VectorLoops& loops = CurrentLoops();
  if (from.empty()) return;
  pool.ParallelFor(count, 1 << 16, [&](int64_t begin, int64_t end) {
    if (from.size() == 1) return loops.add(from[0] + begin, to + begin, end - begin);
    float sums[kBlock];
    for (int64_t first = begin; first < end; first += kBlock) {
      const int64_t length = std::min(kBlock, end - first);
      std::copy_n(from[0] + first, length, sums);
      for (size_t i = 1; i < from.size(); ++i) loops.add(from[i] + first, sums, length);
      loops.add(sums, to + first, length);
    }
  });
}

}  // namespace mayfly
