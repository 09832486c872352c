// How one kernel packs operands, multiplies and stores the tiles of a matrix product. An element is one chain of
// operations over k from first to last, whatever tile, block and slice it lies in.
#pragma once

#include <cstdint>

namespace mayfly {

// A strip of an operand: `lanes` rows of A (columns of B), each `depth` long.
struct GemmStrip {
  const void* data;
  bool half;
  int64_t lane_stride;
  int64_t depth_stride;
  int64_t lanes;  // to the end of the matrix: may be more than a panel holds
  int64_t depth;
};

// The part of C that a tile is added to.
struct GemmTarget {
  void* c;
  bool half;
  int64_t row_stride;
  int64_t rows;
  int64_t columns;
  float alpha;
  float beta;
};

// A layout of A's panels, and the functions for it.
struct RowForm {
  // Lanes beyond the matrix become zeros. May write kPanelSlack bytes beyond the panel.
  void (*pack)(const GemmStrip& strip, void* panel);
  // tile (rows × columns, dense) = a·b, or += with `resume`; only its first `used_rows` × `used_columns` are read.
  void (*multiply)(int64_t depth, const void* a, const void* b, float* tile, bool resume, int64_t used_rows,
                   int64_t used_columns);
  // multiply and store for the last slice of k of a full tile, straight from registers. Null: call multiply, then
  // store.
  void (*finish)(int64_t depth, const void* a, const void* b, const float* tile, bool resume, const GemmTarget& target);
};

struct GemmKernel {
  int rows;           // of a tile
  int columns;        // of a tile
  int element_bytes;  // of packed operands
  int depth_step;     // packed operands are padded with zeros to a depth that is a multiple of this
  int depth_block;    // packed at a time; a block of B stays in the second-level cache
  int depth_slice;    // multiplied at a time; a slice of a panel of A stays in the first-level cache
  // B's panels have the depth outermost, in steps of depth_step. Lanes beyond the matrix become zeros.
  void (*pack_columns)(const GemmStrip& strip, void* panel);
  RowForm by_depth;  // the depth outermost, in steps of depth_step
  RowForm
      by_lane;  // lanes outermost, each depth_block long: for strips with depth_stride 1. Null if the kernel has none
  // C = alpha·tile + beta·C
  void (*store)(const float* tile, const GemmTarget& target);
  // Called before and after a thread uses the other functions. Null: nothing to do.
  void (*enter)();
  void (*leave)();
  // Whether a tile has neither infinities nor NaN. Null if the kernel handles infinite operands itself.
  bool (*all_finite)(const float* tile);
};

constexpr int kPanelSlack = 64;

}  // namespace mayfly
