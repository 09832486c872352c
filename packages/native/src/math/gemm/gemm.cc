#include "math/gemm/gemm.h"

#include <algorithm>

#include "math/ceil_divide.h"
#include "math/gemm/blas_product.h"
#include "math/gemm/gemm_choice.h"
#include "math/gemm/gemm_rectangle.h"
#include "size_math.h"

namespace mayfly {
namespace {

// Multiply-adds below which waking a thread costs more than it saves.
constexpr int64_t kParallelWork = 1 << 20;

// Brackets a thread's use of a kernel.
class KernelScope {
 public:
  explicit KernelScope(const GemmKernel& kernel) : kernel_(kernel) {
    if (kernel_.enter != nullptr) kernel_.enter();
  }
  ~KernelScope() {
    if (kernel_.leave != nullptr) kernel_.leave();
  }
  KernelScope(const KernelScope&) = delete;
  KernelScope& operator=(const KernelScope&) = delete;

 private:
  const GemmKernel& kernel_;
};

// C cut into down × across parts of whole tiles.
struct Split {
  int64_t down, across;
  int64_t part_rows, part_columns;
};

// The split into at least `parts` (or as many as there are tiles) that packs the least twice.
Split ChooseSplit(const GemmKernel& kernel, const GemmArgs& args, int64_t parts) {
  const int64_t row_tiles = CeilDivide(args.m, kernel.rows);
  const int64_t column_tiles = CeilDivide(args.n, kernel.columns);
  Split best{1, 1, args.m, args.n};
  double best_cost = 0;
  for (int64_t down = 1; down <= std::min(parts, row_tiles); ++down) {
    const int64_t across = std::min(CeilDivide(parts, down), column_tiles);
    const int64_t part_row_tiles = CeilDivide(row_tiles, down);
    const int64_t part_column_tiles = CeilDivide(column_tiles, across);
    // Time of the largest part, in tiles, with packing at a tenth of a tile per panel.
    const double tiles = static_cast<double>(part_row_tiles) * part_column_tiles;
    const double cost = tiles + 0.1 * (part_row_tiles + part_column_tiles);
    if (down > 1 && cost >= best_cost) continue;
    best_cost = cost;
    best = {CeilDivide(row_tiles, part_row_tiles), CeilDivide(column_tiles, part_column_tiles),
            part_row_tiles * kernel.rows, part_column_tiles * kernel.columns};
  }
  return best;
}

}  // namespace

const void* ElementAt(const MatrixView& matrix, int64_t row, int64_t column) {
  const int64_t index = row * matrix.row_stride + column * matrix.column_stride;
  return static_cast<const uint8_t*>(matrix.data) + index * static_cast<int64_t>(SizeOf(matrix.dtype));
}

void* ElementAt(const MatrixOutput& matrix, int64_t row, int64_t column) {
  const int64_t index = row * matrix.row_stride + column;
  return static_cast<uint8_t*>(matrix.data) + index * static_cast<int64_t>(SizeOf(matrix.dtype));
}

GemmArgs BatchItem(const GemmArgs& first, int64_t item, int64_t a_stride, int64_t b_stride, int64_t c_stride) {
  GemmArgs args = first;
  args.a.data = ElementAt({first.a.data, first.a.dtype, a_stride, 0}, item, 0);
  args.b.data = ElementAt({first.b.data, first.b.dtype, b_stride, 0}, item, 0);
  args.c.data = ElementAt(MatrixOutput{first.c.data, first.c.dtype, c_stride}, item, 0);
  return args;
}

int64_t PackedBytes(const GemmArgs& args) {
  return args.precision == Precision::kBlas ? 0 : PackedBytes(ChooseKernel(args), args);
}

void PackB(const GemmArgs& args, void* packed, ThreadPool* pool) {
  if (args.precision == Precision::kBlas) return;
  const GemmKernel& kernel = ChooseKernel(args);
  const auto pack = [&](int64_t first, int64_t last) { PackPanels(kernel, args, first, last, packed); };
  const int64_t panels = CeilDivide(args.n, kernel.columns);
  if (pool == nullptr) return pack(0, panels);
  pool->ParallelFor(panels, 1, pack);
}

void Gemm(const GemmArgs& args, ThreadPool* pool) { BatchedGemm(args, 1, 0, 0, 0, pool); }

void BatchedGemm(const GemmArgs& first, int64_t count, int64_t a_stride, int64_t b_stride, int64_t c_stride,
                 ThreadPool* pool) {
  if (first.m <= 0 || first.n <= 0 || count <= 0) return;
  if (first.precision == Precision::kBlas) return BlasProducts(first, count, a_stride, b_stride, c_stride, pool);
  const GemmKernel& kernel = ChooseKernel(first);
  const int64_t threads = pool == nullptr ? 1 : pool->threads();
  const int64_t work = SizeProduct(SizeProduct(count, first.m), SizeProduct(first.n, std::max<int64_t>(first.k, 1)));
  const bool alone = threads == 1 || work < kParallelWork;
  const Split split = ChooseSplit(kernel, first, alone ? 1 : CeilDivide(threads, count));
  const int64_t parts = split.down * split.across;
  const auto run = [&](int64_t begin, int64_t end) {
    thread_local Workspace workspace;
    const KernelScope scope(kernel);
    for (int64_t index = begin; index < end; ++index) {
      const int64_t item = index / parts, part = index % parts;
      const GemmArgs args = BatchItem(first, item, a_stride, b_stride, c_stride);
      const int64_t row = part / split.across * split.part_rows, column = part % split.across * split.part_columns;
      const int64_t rows = std::min(split.part_rows, args.m - row);
      const int64_t columns = std::min(split.part_columns, args.n - column);
      MultiplyRectangle(kernel, args, {row, rows, column, columns}, &workspace);
    }
  };
  if (alone) return run(0, count * parts);
  pool->ParallelFor(count * parts, 1, run);
}

}  // namespace mayfly
