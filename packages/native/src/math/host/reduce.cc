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

void Add(const float* from, float* to, int64_t count, ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  pool.ParallelFor(count, 1 << 16,
                   [&](int64_t begin, int64_t end) { loops.add(from + begin, to + begin, end - begin); });
}

}  // namespace mayfly
