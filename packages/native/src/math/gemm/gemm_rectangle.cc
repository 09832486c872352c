// Blocking after Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with the operands
// exchanged, which suits wide vectors: a block of B stays in the second-level cache, one panel of A in the first.
#include "math/gemm/gemm_rectangle.h"

#include <algorithm>
#include <cmath>

#include "math/ceil_divide.h"
#include "math/gemm/gemm_choice.h"

namespace mayfly {
namespace {

constexpr int64_t kColumnBlock = 512;  // of B, packed at a time
constexpr int64_t kRowBlock = 1024;    // bounds the partial sums of products deeper than one block

// The length of equal parts of `whole`, none longer than `most`.
int64_t EvenPart(int64_t whole, int64_t most, int64_t step) {
  return RoundUp(CeilDivide(whole, std::max<int64_t>(CeilDivide(whole, most), 1)), step);
}

int64_t BlockDepth(const GemmKernel& kernel, int64_t k) { return EvenPart(k, kernel.depth_block, kernel.depth_step); }

// Fetches the cache lines of C that a tile will be added to while the tile is computed.
void Prefetch(const MatrixOutput& c, const Rectangle& at) {
  constexpr int64_t kLine = 64;
  const int64_t bytes = at.columns * static_cast<int64_t>(SizeOf(c.dtype));
  const int64_t row_bytes = c.row_stride * static_cast<int64_t>(SizeOf(c.dtype));
  const char* row = static_cast<const char*>(ElementAt(c, at.row, at.column));
  for (int64_t r = 0; r < at.rows; ++r, row += row_bytes) {
    for (int64_t at = 0; at < bytes; at += kLine) __builtin_prefetch(row + at, 1);
  }
}

// `depth` of B from row p on, `columns` from `column` on.
GemmStrip ColumnStrip(const MatrixView& b, int64_t p, int64_t depth, int64_t column, int64_t columns) {
  return {ElementAt(b, p, column), b.dtype == DType::kFp16, b.column_stride, b.row_stride, columns, depth};
}

// Offset of the panel that starts at (p, column) in a packed B: all panels of one block of depth, then those of the
// next.
int64_t PackedOffset(const GemmKernel& kernel, const GemmArgs& args, int64_t p, int64_t depth, int64_t column) {
  const int64_t columns = RoundUp(args.n, kernel.columns);
  return (p * columns + column * RoundUp(depth, kernel.depth_step)) * kernel.element_bytes;
}

// Computes the sums that are not finite again, with the kernel that keeps infinities.
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
  part.packed_b = nullptr;
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
  const int64_t block_depth = BlockDepth(kernel, args.k);
  const int64_t slice_depth = EvenPart(block_depth, kernel.depth_slice, kernel.depth_step);
  // Tiles with partial sums at one time: all of the block, one row of it, or none.
  const bool deep = args.k > block_depth, sliced = block_depth > slice_depth;
  const int64_t tiles = (deep ? row_panels : 1) * (deep || sliced ? column_panels : 1);
  const auto panel = [&](Scratch* scratch, int64_t lanes, int64_t depth) {
    return static_cast<uint8_t*>(scratch->Bytes(lanes * depth * kernel.element_bytes + kPanelSlack));
  };
  const bool by_lane = args.a.column_stride == 1 && kernel.by_lane.pack != nullptr;
  const RowForm& row_form = by_lane ? kernel.by_lane : kernel.by_depth;
  uint8_t* a = panel(&workspace->a, kernel.rows, kernel.depth_block);
  float* sums = workspace->tiles.Floats(tiles * tile_size);
  int64_t p = 0;
  do {
    const int64_t depth = std::min(args.k - p, block_depth);
    const int64_t lane_bytes = RoundUp(depth, kernel.depth_step) * kernel.element_bytes;
    const uint8_t* b;
    if (args.packed_b != nullptr) {
      b = static_cast<const uint8_t*>(args.packed_b) + PackedOffset(kernel, args, p, depth, block.column);
    } else {
      uint8_t* packed = panel(&workspace->b, column_panels * kernel.columns, block_depth);
      for (int64_t j = 0; j < block.columns; j += kernel.columns) {
        kernel.pack_columns(ColumnStrip(args.b, p, depth, block.column + j, block.columns - j),
                            packed + j * lane_bytes);
      }
      b = packed;
    }
    for (int64_t i = 0; i < block.rows; i += kernel.rows) {
      row_form.pack({ElementAt(args.a, block.row + i, p), args.a.dtype == DType::kFp16, args.a.row_stride,
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
          const GemmTarget target{ElementAt(args.c, at.row, at.column),
                                  args.c.dtype == DType::kFp16,
                                  args.c.row_stride,
                                  rows,
                                  columns,
                                  args.alpha,
                                  args.beta};
          if (last && row_form.finish != nullptr && rows == kernel.rows && columns == kernel.columns) {
            row_form.finish(slice, a_slice, b_slice, tile, p + q > 0, target);
            continue;
          }
          row_form.multiply(slice, a_slice, b_slice, tile, p + q > 0, rows, columns);
          if (!last) continue;
          if (kernel.all_finite != nullptr && !kernel.all_finite(tile)) RepairTile(kernel, args, at, tile);
          kernel.store(tile, target);
        }
        q += slice;
      } while (q < depth);
    }
    p += depth;
  } while (p < args.k);
}

}  // namespace

void MultiplyRectangle(const GemmKernel& kernel, const GemmArgs& args, const Rectangle& part, Workspace* workspace) {
  const int64_t row_block = kRowBlock / kernel.rows * kernel.rows;
  for (int64_t j = 0; j < part.columns; j += kColumnBlock) {
    for (int64_t i = 0; i < part.rows; i += row_block) {
      const int64_t rows = std::min(row_block, part.rows - i), columns = std::min(kColumnBlock, part.columns - j);
      MultiplyBlock(kernel, args, {part.row + i, rows, part.column + j, columns}, workspace);
    }
  }
}

int64_t PackedBytes(const GemmKernel& kernel, const GemmArgs& args) {
  const int64_t depth = RoundUp(args.k, kernel.depth_step);
  return depth * RoundUp(args.n, kernel.columns) * kernel.element_bytes + kPanelSlack;
}

void PackPanels(const GemmKernel& kernel, const GemmArgs& args, int64_t first, int64_t last, void* packed) {
  const int64_t block_depth = BlockDepth(kernel, args.k);
  for (int64_t p = 0; p < args.k; p += block_depth) {
    const int64_t depth = std::min(args.k - p, block_depth);
    for (int64_t panel = first; panel < last; ++panel) {
      const int64_t column = panel * kernel.columns;
      uint8_t* to = static_cast<uint8_t*>(packed) + PackedOffset(kernel, args, p, depth, column);
      kernel.pack_columns(ColumnStrip(args.b, p, depth, column, args.n - column), to);
    }
  }
}

}  // namespace mayfly
