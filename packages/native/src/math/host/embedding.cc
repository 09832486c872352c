#include "math/host/embedding.h"

#include <algorithm>

#include "math/host/vector_loops.h"

namespace mayfly {

void Embed(const float* table, const std::vector<int32_t>& tokens, float* out, int64_t dim, ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  const int64_t columns = static_cast<int64_t>(tokens.size());
  pool.ParallelFor(columns, 4 * kTransposeRows, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n += kTransposeRows) {
      const float* rows[kTransposeRows];
      const int64_t count = std::min(kTransposeRows, end - n);
      for (int64_t i = 0; i < count; ++i) rows[i] = table + tokens[n + i] * dim;
      loops.transpose_rows(rows, count, dim, out + n, columns);
    }
  });
}

void EmbedBackward(const float* gradient, const std::vector<int32_t>& tokens, float* table_gradient, int64_t dim,
                   ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  const int64_t columns = static_cast<int64_t>(tokens.size());
  // Threads share rows of the table but no element: each takes a range of d over all columns.
  pool.ParallelFor(dim, 64, [&](int64_t begin, int64_t end) {
    std::vector<float*> rows(columns);
    for (int64_t n = 0; n < columns; ++n) rows[n] = table_gradient + tokens[n] * dim + begin;
    loops.add_transposed(gradient + begin * columns, columns, end - begin, rows.data(), columns);
  });
}

}  // namespace mayfly
