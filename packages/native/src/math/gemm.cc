// Blocking after Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with the roles of the
// operands as wide vectors want them: a block of B stays in the second-level cache, one panel of A in the first.
#include "math/gemm.h"

#include <algorithm>

#include "math/scratch.h"
#include "math/vector_loops.h"

namespace mayfly {
namespace {

constexpr int64_t kDepthBlock = 256;
constexpr int64_t kColumnBlock = 512;  // B: 256 × 512 floats = 512 KiB
constexpr int64_t kRowBlock = 1024;    // bounds the partial sums of products deeper than one block
// Multiply-adds below which waking a thread costs more than it saves.
constexpr int64_t kParallelWork = 1 << 20;

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
void Prefetch(const MatrixOutput& c, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  constexpr int64_t kLine = 64;
  const int64_t bytes = columns * static_cast<int64_t>(SizeOf(c.dtype));
  for (int64_t r = 0; r < rows; ++r) {
    const char* line = static_cast<const char*>(ElementAt(c, row + r, column));
    for (int64_t at = 0; at < bytes; at += kLine) __builtin_prefetch(line + at, 1);
  }
}

// One block of C over the whole depth. Tiles keep their partial sums until the last block of k, so that an element is
// rounded to C's type, scaled and added to C once.
void MultiplyBlock(const GemmLoops& loops, const GemmArgs& args, const Rectangle& block) {
  thread_local Scratch scratch_a, scratch_b, scratch_tiles;
  const int64_t tile_size = loops.rows * loops.columns;
  const int64_t column_panels = (block.columns + loops.columns - 1) / loops.columns;
  const int64_t row_panels = (block.rows + loops.rows - 1) / loops.rows;
  const int64_t depth_limit = std::min(args.k, kDepthBlock);
  const bool deep = args.k > kDepthBlock;
  float* a = scratch_a.Floats(loops.rows * depth_limit + kPanelSlack);
  float* b = scratch_b.Floats(column_panels * loops.columns * depth_limit + kPanelSlack);
  float* tiles = scratch_tiles.Floats(deep ? row_panels * column_panels * tile_size : tile_size);
  int64_t p = 0;
  do {
    const int64_t depth = std::min(args.k - p, kDepthBlock);
    const bool last = p + depth == args.k;
    for (int64_t j = 0; j < block.columns; j += loops.columns) {
      loops.pack_columns({ElementAt(args.b, p, block.column + j), args.b.dtype == DType::kFp16, args.b.column_stride,
                          args.b.row_stride, block.columns - j, depth},
                         b + j * depth);
    }
    for (int64_t i = 0; i < block.rows; i += loops.rows) {
      loops.pack_rows({ElementAt(args.a, block.row + i, p), args.a.dtype == DType::kFp16, args.a.row_stride,
                       args.a.column_stride, block.rows - i, depth},
                      a);
      const int64_t rows = std::min<int64_t>(loops.rows, block.rows - i);
      for (int64_t j = 0; j < block.columns; j += loops.columns) {
        const int64_t columns = std::min<int64_t>(loops.columns, block.columns - j);
        float* tile = deep ? tiles + (i / loops.rows * column_panels + j / loops.columns) * tile_size : tiles;
        if (last) Prefetch(args.c, block.row + i, rows, block.column + j, columns);
        loops.multiply(depth, a, b + j * depth, tile, p > 0, rows, columns);
        if (last) {
          loops.store(tile, {ElementAt(args.c, block.row + i, block.column + j), args.c.dtype == DType::kFp16,
                             args.c.row_stride, rows, columns, args.alpha, args.beta});
        }
      }
    }
    p += depth;
  } while (p < args.k);
}

void MultiplyRectangle(const GemmLoops& loops, const GemmArgs& args, const Rectangle& part) {
  for (int64_t j = 0; j < part.columns; j += kColumnBlock) {
    for (int64_t i = 0; i < part.rows; i += kRowBlock) {
      const int64_t rows = std::min(kRowBlock, part.rows - i), columns = std::min(kColumnBlock, part.columns - j);
      MultiplyBlock(loops, args, {part.row + i, rows, part.column + j, columns});
    }
  }
}

// C cut into down × across parts of whole tiles.
struct Split {
  int64_t down, across;
  int64_t part_rows, part_columns;
};

// The split into at least `parts` (or as many as there are tiles) that packs the least twice.
Split ChooseSplit(const GemmLoops& loops, const GemmArgs& args, int64_t parts) {
  const int64_t row_tiles = (args.m + loops.rows - 1) / loops.rows;
  const int64_t column_tiles = (args.n + loops.columns - 1) / loops.columns;
  Split best{1, 1, args.m, args.n};
  double best_cost = 0;
  for (int64_t down = 1; down <= std::min(parts, row_tiles); ++down) {
    const int64_t across = std::min((parts + down - 1) / down, column_tiles);
    const int64_t part_row_tiles = (row_tiles + down - 1) / down;
    const int64_t part_column_tiles = (column_tiles + across - 1) / across;
    // Time of the largest part, in tiles, with packing at a tenth of a tile per panel.
    const double tiles = static_cast<double>(part_row_tiles) * part_column_tiles;
    const double cost = tiles + 0.1 * (part_row_tiles + part_column_tiles);
    if (down > 1 && cost >= best_cost) continue;
    best_cost = cost;
    best = {(row_tiles + part_row_tiles - 1) / part_row_tiles,
            (column_tiles + part_column_tiles - 1) / part_column_tiles, part_row_tiles * loops.rows,
            part_column_tiles * loops.columns};
  }
  return best;
}

}  // namespace

void Gemm(const GemmArgs& args, ThreadPool* pool) { BatchedGemm(args, 1, 0, 0, 0, pool); }

void BatchedGemm(const GemmArgs& first, int64_t count, int64_t a_stride, int64_t b_stride, int64_t c_stride,
                 ThreadPool* pool) {
  if (first.m <= 0 || first.n <= 0 || count <= 0) return;
  const GemmLoops& loops = CurrentLoops().gemm;
  const int64_t threads = pool == nullptr ? 1 : pool->threads();
  const int64_t work = first.m * first.n * std::max<int64_t>(first.k, 1);
  const bool alone = threads == 1 || work * count < kParallelWork;
  const Split split = ChooseSplit(loops, first, alone ? 1 : (threads + count - 1) / count);
  const int64_t parts = split.down * split.across;
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t item = index / parts, part = index % parts;
      GemmArgs args = first;
      args.a.data = ElementAt({first.a.data, first.a.dtype, a_stride, 0}, item, 0);
      args.b.data = ElementAt({first.b.data, first.b.dtype, b_stride, 0}, item, 0);
      args.c.data = ElementAt(MatrixOutput{first.c.data, first.c.dtype, c_stride}, item, 0);
      const int64_t row = part / split.across * split.part_rows, column = part % split.across * split.part_columns;
      const int64_t rows = std::min(split.part_rows, args.m - row);
      const int64_t columns = std::min(split.part_columns, args.n - column);
      MultiplyRectangle(loops, args, {row, rows, column, columns});
    }
  };
  if (alone) return run(0, count * parts);
  pool->ParallelFor(count * parts, 1, run);
}

}  // namespace mayfly
