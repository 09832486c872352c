#include "math/host/norm.h"

#include <algorithm>

#include "math/host/vector_loops.h"
#include "math/scratch.h"

namespace mayfly {

void ResidualNorm(const ResidualNormArgs& args, ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  pool.ParallelFor(args.columns, kNormColumns,
                   [&](int64_t begin, int64_t end) { loops.residual_norm(args, begin, end); });
}

void NormBackward(const NormBackwardArgs& args, ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  thread_local Scratch scratch;
  const int64_t blocks = (args.columns + kNormColumns - 1) / kNormColumns;
  float* parts = scratch.Floats(blocks * args.dim);
  pool.ParallelFor(blocks, 1, [&, parts](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kNormColumns;
      loops.norm_backward(args, parts + block * args.dim, first, std::min(kNormColumns, args.columns - first));
    }
  });
  for (int64_t d = 0; d < args.dim; ++d) {
    double sum = 0;
    for (int64_t block = 0; block < blocks; ++block) sum += parts[block * args.dim + d];
    const float gradient = static_cast<float>(sum);
    args.d_weight[d] = args.overwrite ? gradient : args.d_weight[d] + gradient;
  }
}

}  // namespace mayfly
