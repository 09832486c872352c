#include "math/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "math/gemm.h"
#include "math/scratch.h"
#include "math/vector_loops.h"

namespace mayfly {
namespace {

// Logits held at a time (16 MiB), and those of one range of rows; both fix the order of sums, whatever the threads.
constexpr int64_t kBlockLogits = 4 << 20;
constexpr int64_t kRangeLogits = 16384;

// Some columns of the problem: their logits, which become probabilities, which become the loss's gradient.
class ColumnBlock {
 public:
  ColumnBlock(const CrossEntropyArgs& args, const int32_t* targets, int64_t first, int64_t columns, float* scratch,
              ThreadPool& pool)
      : args_(args),
        targets_(targets),
        first_(first),
        columns_(columns),
        rows_per_range_(std::max<int64_t>(8, kRangeLogits / columns)),
        ranges_((args.vocab + rows_per_range_ - 1) / rows_per_range_),
        parts_(scratch),
        column_values_(parts_ + ranges_ * columns),
        logits_(column_values_ + columns),
        pool_(pool) {}

  static int64_t ScratchFloats(int64_t vocab, int64_t columns) {
    const int64_t rows_per_range = std::max<int64_t>(8, kRangeLogits / columns);
    return ((vocab + rows_per_range - 1) / rows_per_range + 1 + vocab) * columns;
  }

  double Loss() {
    const MatrixView table{args_.table, DType::kFp32, args_.dim, 1};
    const MatrixView x{args_.x + first_, DType::kFp32, args_.columns, 1};
    Gemm({args_.vocab, columns_, args_.dim, table, x, {logits_, DType::kFp32, columns_}}, &pool_);
    const SoftmaxLoops& loops = CurrentLoops().softmax;

    ForRanges([&](float* logits, int64_t rows, float* part) { loops.maximum(logits, rows, columns_, part); });
    double loss = 0;
    for (int64_t n = 0; n < columns_; ++n) {
      float largest = parts_[n];
      for (int64_t range = 1; range < ranges_; ++range) largest = std::max(largest, parts_[range * columns_ + n]);
      column_values_[n] = largest;
      loss += static_cast<double>(largest) - logits_[targets_[n] * columns_ + n];
    }

    ForRanges([&](float* logits, int64_t rows, float* part) {
      loops.exponentiate(logits, rows, columns_, column_values_, part);
    });
    for (int64_t n = 0; n < columns_; ++n) {
      double sum = 0;
      for (int64_t range = 0; range < ranges_; ++range) sum += parts_[range * columns_ + n];
      loss += std::log(sum);
      column_values_[n] = static_cast<float>(args_.gradient_scale / sum);
    }
    return loss;
  }

  // After Loss.
  void AddGradients() {
    const SoftmaxLoops& loops = CurrentLoops().softmax;
    ForRanges([&](float* logits, int64_t rows, float*) { loops.scale(logits, rows, columns_, column_values_); });
    for (int64_t n = 0; n < columns_; ++n) logits_[targets_[n] * columns_ + n] -= args_.gradient_scale;
    const MatrixView d_logits{logits_, DType::kFp32, columns_, 1};
    if (args_.dx != nullptr) {
      const MatrixView table_transposed{args_.table, DType::kFp32, 1, args_.dim};
      const MatrixOutput dx{args_.dx + first_, DType::kFp32, args_.columns};
      Gemm({args_.dim, columns_, args_.vocab, table_transposed, d_logits, dx}, &pool_);
    }
    if (args_.d_table != nullptr) {
      const MatrixView x_transposed{args_.x + first_, DType::kFp32, 1, args_.columns};
      const MatrixOutput d_table{args_.d_table, DType::kFp32, args_.dim};
      Gemm({args_.vocab, args_.dim, columns_, d_logits, x_transposed, d_table, 1.0f, 1.0f}, &pool_);
    }
  }

 private:
  template <class Body>
  void ForRanges(const Body& body) {
    pool_.ParallelFor(ranges_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t range = begin; range < end; ++range) {
        const int64_t row = range * rows_per_range_;
        body(logits_ + row * columns_, std::min(rows_per_range_, args_.vocab - row), parts_ + range * columns_);
      }
    });
  }

  const CrossEntropyArgs& args_;
  const int32_t* targets_;
  int64_t first_, columns_, rows_per_range_, ranges_;
  float* parts_;          // one value per range and column
  float* column_values_;  // maxima, then factors of the gradient
  float* logits_;
  ThreadPool& pool_;
};

}  // namespace

double CrossEntropy(const CrossEntropyArgs& args, const std::vector<int32_t>& targets, ThreadPool& pool) {
  thread_local Scratch scratch;
  const int64_t fitting = std::clamp<int64_t>(kBlockLogits / args.vocab / 32 * 32, 32, 1024);
  const int64_t block_columns = std::min(args.columns, fitting);
  double loss = 0;
  for (int64_t first = 0; first < args.columns; first += block_columns) {
    const int64_t columns = std::min(block_columns, args.columns - first);
    float* memory = scratch.Floats(ColumnBlock::ScratchFloats(args.vocab, columns));
    ColumnBlock block(args, targets.data() + first, first, columns, memory, pool);
    loss += block.Loss();
    if (args.dx != nullptr || args.d_table != nullptr) block.AddGradients();
  }
  return loss;
}

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
