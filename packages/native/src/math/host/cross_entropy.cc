#include "math/host/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "math/ceil_divide.h"
#include "math/gemm/gemm.h"
#include "math/host/vector_loops.h"
#include "math/scratch.h"

namespace mayfly {
namespace {

// Logits held at a time (32 MiB), and those of one range of the vocabulary, which a thread keeps in its second-level
// cache from product to product. Ranges and groups of ranges fix the order of sums, whatever the threads.
constexpr int64_t kBlockLogits = 8 << 20;
constexpr int64_t kRangeLogits = 64 << 10;
constexpr int64_t kMostGroups = 16;
constexpr int64_t kLeastRanges = 8;
constexpr int64_t kRowMultiple = 12;  // whole tiles of the matrix product

// How some columns of a problem are cut up.
struct Cut {
  Cut(const CrossEntropyArgs& args, int64_t block_columns) : columns(block_columns) {
    const int64_t rows = std::min(kRangeLogits / columns, CeilDivide(args.vocab, kLeastRanges));
    range_rows = std::max<int64_t>(1, rows / kRowMultiple) * kRowMultiple;
    ranges = CeilDivide(args.vocab, range_rows);
    group_ranges = CeilDivide(ranges, kMostGroups);
    groups = CeilDivide(ranges, group_ranges);
  }

  int64_t columns, range_rows, ranges, group_ranges, groups;
};

// The columns of x as the products of logits and of the table's gradient read them.
struct PackedColumns {
  Scratch x, x_transposed;
};

// Some columns of the problem: their logits, which become exponentials, which become the loss's gradient. Exponentials
// are relative to the largest logit of their range (Milakov & Gimelshein, "Online normalizer calculation for softmax",
// 2018), so that a range is read again only for the gradients.
class ColumnBlock {
 public:
  ColumnBlock(const CrossEntropyArgs& args, const int32_t* targets, int64_t first, const Cut& cut, float* scratch,
              PackedColumns* packed, ThreadPool& pool)
      : args_(args),
        targets_(targets),
        first_(first),
        cut_(cut),
        maxima_(scratch),
        sums_(maxima_ + cut.ranges * cut.columns),
        target_logits_(sums_ + cut.ranges * cut.columns),
        dx_parts_(target_logits_ + cut.columns),
        logits_(dx_parts_ + cut.groups * args.dim * cut.columns),
        packed_(*packed),
        pool_(pool) {}

  static int64_t ScratchFloats(const CrossEntropyArgs& args, const Cut& cut) {
    return (2 * cut.ranges + 1 + cut.groups * args.dim + args.vocab) * cut.columns;
  }

  double Loss() {
    Pack(LogitsProduct(0), &packed_.x);
    pool_.ParallelFor(cut_.ranges, 1, [this](int64_t begin, int64_t end) {
      for (int64_t range = begin; range < end; ++range) Exponentiate(range);
    });
    const int64_t columns = cut_.columns;
    double loss = 0;
    for (int64_t n = 0; n < columns; ++n) {
      float largest = maxima_[n];
      for (int64_t range = 1; range < cut_.ranges; ++range) largest = std::max(largest, maxima_[range * columns + n]);
      double sum = 0;
      for (int64_t range = 0; range < cut_.ranges; ++range) {
        float& maximum = maxima_[range * columns + n];
        maximum = std::exp(maximum - largest);
        sum += static_cast<double>(maximum) * sums_[range * columns + n];
      }
      const double log_sum = std::log(sum);
      loss += static_cast<double>(largest) - target_logits_[n] + log_sum;
      if (args_.log_sum_exp != nullptr) args_.log_sum_exp[first_ + n] = static_cast<float>(largest + log_sum);
      const float factor = static_cast<float>(args_.gradient_scale / sum);
      for (int64_t range = 0; range < cut_.ranges; ++range) maxima_[range * columns + n] *= factor;
    }
    return loss;
  }

  // After Loss.
  void AddGradients() {
    if (args_.d_table != nullptr) Pack(TableProduct(0), &packed_.x_transposed);
    pool_.ParallelFor(cut_.groups, 1, [this](int64_t begin, int64_t end) {
      for (int64_t group = begin; group < end; ++group) {
        const int64_t first = group * cut_.group_ranges;
        const int64_t last = std::min(first + cut_.group_ranges, cut_.ranges);
        for (int64_t range = first; range < last; ++range) AddGradients(range, group, range == first);
      }
    });
    if (args_.dx == nullptr) return;
    pool_.ParallelFor(args_.dim, 8, [this](int64_t begin, int64_t end) {
      for (int64_t d = begin; d < end; ++d) {
        float* dx = args_.dx + d * args_.columns + first_;
        std::fill_n(dx, cut_.columns, 0.0f);
        for (int64_t group = 0; group < cut_.groups; ++group) {
          const float* part = dx_parts_ + (group * args_.dim + d) * cut_.columns;
          for (int64_t n = 0; n < cut_.columns; ++n) dx[n] += part[n];
        }
      }
    });
  }

 private:
  int64_t RowsOf(int64_t range) const { return std::min(cut_.range_rows, args_.vocab - range * cut_.range_rows); }
  float* LogitsOf(int64_t range) const { return logits_ + range * cut_.range_rows * cut_.columns; }

  MatrixView TableOf(int64_t range, int64_t row_stride, int64_t column_stride) const {
    return {args_.table + range * cut_.range_rows * args_.dim, DType::kFp32, row_stride, column_stride};
  }

  GemmArgs LogitsProduct(int64_t range) const {
    const MatrixView x{args_.x + first_, DType::kFp32, args_.columns, 1};
    const MatrixOutput logits{LogitsOf(range), DType::kFp32, cut_.columns};
    return {RowsOf(range), cut_.columns, args_.dim,      TableOf(range, args_.dim, 1), x, logits,
            1.0f,          0.0f,         args_.precision};
  }

  // Of exponentials that have become gradients.
  GemmArgs InputProduct(int64_t range, int64_t group, bool first_of_group) const {
    const MatrixView d_logits{LogitsOf(range), DType::kFp32, cut_.columns, 1};
    const MatrixOutput dx{dx_parts_ + group * args_.dim * cut_.columns, DType::kFp32, cut_.columns};
    const float beta = first_of_group ? 0.0f : 1.0f;
    return {args_.dim, cut_.columns, RowsOf(range),  TableOf(range, 1, args_.dim), d_logits, dx,
            1.0f,      beta,         args_.precision};
  }

  GemmArgs TableProduct(int64_t range) const {
    const MatrixView d_logits{LogitsOf(range), DType::kFp32, cut_.columns, 1};
    const MatrixView x_transposed{args_.x + first_, DType::kFp32, 1, args_.columns};
    const MatrixOutput d_table{args_.d_table + range * cut_.range_rows * args_.dim, DType::kFp32, args_.dim};
    const float beta = first_ == 0 ? 0.0f : 1.0f;
    return {RowsOf(range), args_.dim, cut_.columns, d_logits, x_transposed, d_table, 1.0f, beta, args_.precision};
  }

  // What every range multiplies with is packed once.
  void Pack(const GemmArgs& product, Scratch* packed) {
    PackB(product, packed->Bytes(static_cast<size_t>(PackedBytes(product))), &pool_);
  }

  static void Multiply(GemmArgs product, Scratch* packed) {
    product.packed_b = packed->Bytes(0);
    Gemm(product, nullptr);
  }

  // Calls body(column, element) for the targets that lie in a range.
  template <class Body>
  void ForTargets(int64_t range, const Body& body) const {
    float* logits = LogitsOf(range);
    const int64_t rows = RowsOf(range);
    for (int64_t n = 0; n < cut_.columns; ++n) {
      const int64_t row = targets_[n] - range * cut_.range_rows;
      if (row >= 0 && row < rows) body(n, logits[row * cut_.columns + n]);
    }
  }

  void Exponentiate(int64_t range) {
    const int64_t rows = RowsOf(range), columns = cut_.columns;
    float *logits = LogitsOf(range), *maxima = maxima_ + range * columns;
    Multiply(LogitsProduct(range), &packed_.x);
    ForTargets(range, [this](int64_t n, float logit) { target_logits_[n] = logit; });
    const SoftmaxLoops& loops = CurrentLoops().softmax;
    loops.maximum(logits, rows, columns, maxima);
    loops.exponentiate(logits, rows, columns, maxima, sums_ + range * columns);
  }

  void AddGradients(int64_t range, int64_t group, bool first_of_group) {
    const int64_t rows = RowsOf(range), columns = cut_.columns;
    CurrentLoops().softmax.scale(LogitsOf(range), rows, columns, maxima_ + range * columns);
    ForTargets(range, [this](int64_t, float& gradient) { gradient -= args_.gradient_scale; });
    if (args_.dx != nullptr) Gemm(InputProduct(range, group, first_of_group), nullptr);
    if (args_.d_table != nullptr) Multiply(TableProduct(range), &packed_.x_transposed);
  }

  const CrossEntropyArgs& args_;
  const int32_t* targets_;
  int64_t first_;
  const Cut& cut_;
  float* maxima_;         // per range and column; after Loss the factors from exponentials to gradients
  float* sums_;           // of exponentials, per range and column
  float* target_logits_;  // per column
  float* dx_parts_;       // [groups, dim, columns]
  float* logits_;
  PackedColumns& packed_;
  ThreadPool& pool_;
};

// As CrossEntropy, where every target counts.
double CountedCrossEntropy(const CrossEntropyArgs& args, const std::vector<int32_t>& targets, ThreadPool& pool) {
  thread_local Scratch scratch;
  thread_local PackedColumns packed;
  const int64_t fitting = std::clamp<int64_t>(kBlockLogits / args.vocab / 32 * 32, 32, 1024);
  const int64_t block_columns = std::min(args.columns, fitting);
  double loss = 0;
  for (int64_t first = 0; first < args.columns; first += block_columns) {
    const Cut cut(args, std::min(block_columns, args.columns - first));
    float* memory = scratch.Floats(ColumnBlock::ScratchFloats(args, cut));
    ColumnBlock block(args, targets.data() + first, first, cut, memory, &packed, pool);
    loss += block.Loss();
    if (args.dx != nullptr || args.d_table != nullptr) block.AddGradients();
  }
  return loss;
}

}  // namespace

double CrossEntropy(const CrossEntropyArgs& args, const std::vector<int32_t>& targets, ThreadPool& pool) {
  std::vector<int32_t> counted;
  std::vector<int64_t> places;
  for (int64_t n = 0; n < args.columns; ++n) {
    if (targets[n] == kIgnoredTarget) continue;
    counted.push_back(targets[n]);
    places.push_back(n);
  }
  if (static_cast<int64_t>(places.size()) == args.columns) return CountedCrossEntropy(args, targets, pool);
  // The counted columns side by side: ignored ones cost nothing, and no value of theirs reaches a gradient.
  thread_local Scratch packed_x, packed_dx;
  CrossEntropyArgs part = args;
  part.columns = static_cast<int64_t>(places.size());
  float* x = packed_x.Floats(static_cast<size_t>(args.dim * part.columns + 1));
  for (int64_t d = 0; d < args.dim; ++d) {
    for (int64_t n = 0; n < part.columns; ++n) x[d * part.columns + n] = args.x[d * args.columns + places[n]];
  }
  part.x = x;
  if (args.dx != nullptr) part.dx = packed_dx.Floats(static_cast<size_t>(args.dim * part.columns + 1));
  if (part.columns == 0 && args.d_table != nullptr) std::fill_n(args.d_table, args.vocab * args.dim, 0.0f);
  std::vector<float> log_sum_exp(args.log_sum_exp == nullptr ? 0 : places.size());
  if (args.log_sum_exp != nullptr) part.log_sum_exp = log_sum_exp.data();
  const double loss = CountedCrossEntropy(part, counted, pool);
  if (args.log_sum_exp != nullptr) {
    std::fill_n(args.log_sum_exp, args.columns, 0.0f);
    for (int64_t n = 0; n < part.columns; ++n) args.log_sum_exp[places[n]] = log_sum_exp[n];
  }
  if (args.dx == nullptr) return loss;
  std::fill_n(args.dx, args.dim * args.columns, 0.0f);
  for (int64_t d = 0; d < args.dim; ++d) {
    for (int64_t n = 0; n < part.columns; ++n) args.dx[d * args.columns + places[n]] = part.dx[d * part.columns + n];
  }
  return loss;
}

}  // namespace mayfly
