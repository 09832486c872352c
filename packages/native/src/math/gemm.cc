// Blocking after Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with the roles of the
// operands as wide vectors want them: a block of B stays in the second-level cache, one panel of A in the first.
#include "math/gemm.h"

#include <algorithm>
#include <cmath>

#include "math/gemm_choice.h"
#include "math/scratch.h"

namespace mayfly {
namespace {

constexpr int64_t kColumnBlock = 512;  // of B, packed at a time
constexpr int64_t kRowBlock = 1024;    // bounds the partial sums of products deeper than one block
// Multiply-adds below which waking a thread costs more than it saves.
constexpr int64_t kParallelWork = 1 << 20;

constexpr int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t RoundUp(int64_t a, int64_t step) { return CeilDivide(a, step) * step; }

// The length of equal parts of `whole`, none longer than `most`.
int64_t EvenPart(int64_t whole, int64_t most, int64_t step) {
  return RoundUp(CeilDivide(whole, std::max<int64_t>(CeilDivide(whole, most), 1)), step);
}

struct Rectangle {
  int64_t row, rows, column, columns;
};

const void* ElementAt(const MatrixView& matrix, int64_t row, int64_t column) {
  const int64_t index = row * matrix.row_stride + column * matrix.column_stride;
  return static_cast<const uint8_t*>(matrix.data) + index * static_cast<int64_t>(SizeOf(matrix.dtype));
}

void* ElementAt(const MatrixOutput& matrix, int64_t row, int64_t column) {
  const int64_t index = row * matrix.row_stride + column;
  return static_cast<uint8_t*>(matrix.data) + index * static_cast<int64_t>(SizeOf(matrix.dtype));
}

// Asks for the lines of C that a tile will be added to, so that they arrive while it is computed.
void Prefetch(const MatrixOutput& c, const Rectangle& at) {
  constexpr int64_t kLine = 64;
  const int64_t bytes = at.columns * static_cast<int64_t>(SizeOf(c.dtype));
  for (int64_t r = 0; r < at.rows; ++r) {
    const char* line = static_cast<const char*>(ElementAt(c, at.row + r, at.column));
    for (int64_t at = 0; at < bytes; at += kLine) __builtin_prefetch(line + at, 1);
  }
}

struct Workspace {
  Scratch a, b, tiles;
};

void MultiplyRectangle(const GemmKernel& kernel, const GemmArgs& args, const Rectangle& part, Workspace* workspace);

// Computes the sums that are not finite once more, by the kernel that has infinities come through.
void RepairTile(const GemmKernel& kernel, const GemmArgs& args, const Rectangle& at, float* tile) {
  thread_local Workspace workspace;
  thread_local Scratch scratch;
  float* sums = scratch.Floats(at.rows * kernel.columns);
  GemmArgs part = args;
  part.c = {sums, DType::kFp32, kernel.columns};
  part.alpha = 1.0f;
  part.beta = 0.0f;
  part.a.data = ElementAt(args.a, at.row, 0);
  part.b.data = ElementAt(args.b, 0, at.column);
  MultiplyRectangle(VectorKernel(), part, {0, at.rows, 0, at.columns}, &workspace);
  for (int64_t r = 0; r < at.rows; ++r) {
    for (int64_t c = r * kernel.columns; c < r * kernel.columns + at.columns; ++c) {
      if (!std::isfinite(tile[c])) tile[c] = sums[c];
    }
  }
}

// One block of C over the whole depth. Tiles keep their partial sums until the last slice of k, so that an element is
// rounded to C's type, scaled and added to C once.
void MultiplyBlock(const GemmKernel& kernel, const GemmArgs& args, const Rectangle& block, Workspace* workspace) {
  const int64_t tile_size = kernel.rows * kernel.columns;
  const int64_t column_panels = CeilDivide(block.columns, kernel.columns);
  const int64_t row_panels = CeilDivide(block.rows, kernel.rows);
  const int64_t block_depth = EvenPart(args.k, kernel.depth_block, kernel.depth_step);
  const int64_t slice_depth = EvenPart(block_depth, kernel.depth_slice, kernel.depth_step);
  // Tiles that wait for more: all of the block, one row of it, or none.
  const bool deep = args.k > block_depth, sliced = block_depth > slice_depth;
  const int64_t tiles = (deep ? row_panels : 1) * (deep || sliced ? column_panels : 1);
  const auto panel = [&](Scratch* scratch, int64_t lanes) {
    return static_cast<uint8_t*>(scratch->Bytes(lanes * block_depth * kernel.element_bytes + kPanelSlack));
  };
  uint8_t* a = panel(&workspace->a, kernel.rows);
  uint8_t* b = panel(&workspace->b, column_panels * kernel.columns);
  float* sums = workspace->tiles.Floats(tiles * tile_size);
  int64_t p = 0;
  do {
    const int64_t depth = std::min(args.k - p, block_depth);
    const int64_t lane_bytes = RoundUp(depth, kernel.depth_step) * kernel.element_bytes;
    for (int64_t j = 0; j < block.columns; j += kernel.columns) {
      kernel.pack_columns({ElementAt(args.b, p, block.column + j), args.b.dtype == DType::kFp16, args.b.column_stride,
                           args.b.row_stride, block.columns - j, depth},
                          b + j * lane_bytes);
    }
    for (int64_t i = 0; i < block.rows; i += kernel.rows) {
      kernel.pack_rows({ElementAt(args.a, block.row + i, p), args.a.dtype == DType::kFp16, args.a.row_stride,
                        args.a.column_stride, block.rows - i, depth},
                       a);
      const int64_t rows = std::min<int64_t>(kernel.rows, block.rows - i);
      float* row_of_tiles = deep ? sums + i / kernel.rows * column_panels * tile_size : sums;
      int64_t q = 0;
      do {
        const int64_t slice = std::min(depth - q, slice_depth);
        const bool last = p + q + slice == args.k;
        for (int64_t j = 0; j < block.columns; j += kernel.columns) {
          const int64_t columns = std::min<int64_t>(kernel.columns, block.columns - j);
          const Rectangle at{block.row + i, rows, block.column + j, columns};
          float* tile = deep || sliced ? row_of_tiles + j / kernel.columns * tile_size : row_of_tiles;
          if (last) Prefetch(args.c, at);
          const uint8_t* a_slice = a + q * kernel.rows * kernel.element_bytes;
          const uint8_t* b_slice = b + j * lane_bytes + q * kernel.columns * kernel.element_bytes;
          kernel.multiply(slice, a_slice, b_slice, tile, p + q > 0, rows, columns);
          if (!last) continue;
          if (kernel.all_finite != nullptr && !kernel.all_finite(tile)) RepairTile(kernel, args, at, tile);
          kernel.store(tile, {ElementAt(args.c, at.row, at.column), args.c.dtype == DType::kFp16, args.c.row_stride,
                              rows, columns, args.alpha, args.beta});
        }
        q += slice;
      } while (q < depth);
    }
    p += depth;
  } while (p < args.k);
}

void MultiplyRectangle(const GemmKernel& kernel, const GemmArgs& args, const Rectangle& part, Workspace* workspace) {
  for (int64_t j = 0; j < part.columns; j += kColumnBlock) {
    for (int64_t i = 0; i < part.rows; i += kRowBlock) {
      const int64_t rows = std::min(kRowBlock, part.rows - i), columns = std::min(kColumnBlock, part.columns - j);
      MultiplyBlock(kernel, args, {part.row + i, rows, part.column + j, columns}, workspace);
    }
  }
}

// A thread's use of a kernel.
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

void Gemm(const GemmArgs& args, ThreadPool* pool) { BatchedGemm(args, 1, 0, 0, 0, pool); }

void BatchedGemm(const GemmArgs& first, int64_t count, int64_t a_stride, int64_t b_stride, int64_t c_stride,
                 ThreadPool* pool) {
  if (first.m <= 0 || first.n <= 0 || count <= 0) return;
  const GemmKernel& kernel = ChooseKernel(first);
  const int64_t threads = pool == nullptr ? 1 : pool->threads();
  const int64_t work = first.m * first.n * std::max<int64_t>(first.k, 1);
  const bool alone = threads == 1 || work * count < kParallelWork;
  const Split split = ChooseSplit(kernel, first, alone ? 1 : CeilDivide(threads, count));
  const int64_t parts = split.down * split.across;
  const auto run = [&](int64_t begin, int64_t end) {
    thread_local Workspace workspace;
    const KernelScope scope(kernel);
    for (int64_t index = begin; index < end; ++index) {
      const int64_t item = index / parts, part = index % parts;
      GemmArgs args = first;
      args.a.data = ElementAt({first.a.data, first.a.dtype, a_stride, 0}, item, 0);
      args.b.data = ElementAt({first.b.data, first.b.dtype, b_stride, 0}, item, 0);
      args.c.data = ElementAt(MatrixOutput{first.c.data, first.c.dtype, c_stride}, item, 0);
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
