#include "math/host/logits.h"

#include <algorithm>
#include <vector>

#include "math/host/vector_loops.h"

namespace mayfly {

void Logits(const float* table, const float* x, int64_t x_stride, float* out, int64_t vocab, int64_t dim,
            ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  std::vector<float> column(dim);
  for (int64_t d = 0; d < dim; ++d) column[d] = x[d * x_stride];
  pool.ParallelFor(vocab, std::max<int64_t>(1, 65536 / dim), [&](int64_t begin, int64_t end) {
    for (int64_t v = begin; v < end; ++v) out[v] = loops.dot(table + v * dim, column.data(), dim);
  });
}

}  // namespace mayfly
