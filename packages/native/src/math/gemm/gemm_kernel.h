// One way to compute the tiles of a matrix product: how operands are packed, multiplied and stored. Whatever the tile,
// block and slice that it lies in, an element is one chain of operations over k from first to last.
#pragma once

#include <cstdint>

namespace mayfly {

// A strip of an operand: `lanes` rows of A (columns of B), each `depth` long.
struct GemmStrip {
  const void* data;
  bool half;
  int64_t lane_stride;
  int64_t depth_stride;
  int64_t lanes;  // left in the matrix: may exceed what a panel takes
  int64_t depth;
};

// What a tile is added to.
struct GemmTarget {
  void* c;
  bool half;
  int64_t row_stride;
  int64_t rows;
  int64_t columns;
  float alpha;
  float beta;
};

// A form of A's panels, and what multiplies it.
struct RowForm {
  // Zeros where the matrix has no lane. May write kPanelSlack bytes beyond.
  void (*pack)(const GemmStrip& strip, void* panel);
  // tile (rows × columns, dense) = a·b, or += with `resume`; only `used_rows` × `used_columns` need be right.
  void (*multiply)(int64_t depth, const void* a, const void* b, float* tile, bool resume, int64_t used_rows,
                   int64_t used_columns);
  // As multiply for the last part of a whole tile, whose sums it stores at once; null where `multiply` and `store` are
  // to.
  void (*finish)(int64_t depth, const void* a, const void* b, const float* tile, bool resume, const GemmTarget& target);
};

struct GemmKernel {
  int rows;     // of a tile
  int columns;  // of a tile
  // Of an operand packed into panels: its depth is padded to a multiple of depth_step with zeros.
  int element_bytes;
  int depth_step;
  int depth_block;  // packed at a time, and kept in the second-level cache
  int depth_slice;  // multiplied at a time: a slice of a panel of A stays in the first-level cache
  // B's panels have the depth outermost, in steps of depth_step. Zeros where the matrix has no lane.
  void (*pack_columns)(const GemmStrip& strip, void* panel);
  RowForm by_depth;  // the depth outermost, in steps of depth_step
  RowForm by_lane;   // lanes outermost, each depth_block long: for strips with depth_stride 1; null where there is none
  // C = alpha·tile + beta·C
  void (*store)(const float* tile, const GemmTarget& target);
  // Before and after a thread's use of the other functions; null where there is nothing to do.
  void (*enter)();
  void (*leave)();
  // Whether a tile has neither infinities nor NaN; null where infinite operands need no special care.
  bool (*all_finite)(const float* tile);
};

constexpr int kPanelSlack = 64;

}  // namespace mayfly
