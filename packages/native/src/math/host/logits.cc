#include "math/host/logits.h"

#include <algorithm>
#include <vector>

#include "math/gemm/matrix_vector.h"
#include "math/host/vector_loops.h"

namespace mayfly {

void Logits(const void* table, DType table_type, const float* x, int64_t x_stride, float* out, int64_t vocab,
            int64_t dim, ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  std::vector<float> column(dim);
  for (int64_t d = 0; d < dim; ++d) column[d] = x[d * x_stride];
  if (table_type == DType::kFp16) {
    return HalfMatrixVector(static_cast<const uint16_t*>(table), vocab, dim, column.data(), out, &pool);
  }
  const auto* rows = static_cast<const float*>(table);
  pool.ParallelFor(vocab, std::max<int64_t>(1, 65536 / dim), [&](int64_t begin, int64_t end) {
    for (int64_t v = begin; v < end; ++v) out[v] = loops.dot(rows + v * dim, column.data(), dim);
  });
}

}  // namespace mayfly
