// A part of a matrix product, computed by one thread.
#pragma once

#include <cstdint>

#include "math/gemm/gemm.h"
#include "math/gemm/gemm_kernel.h"
#include "math/scratch.h"

namespace mayfly {

struct Rectangle {
  int64_t row, rows, column, columns;
};

// A thread's memory for packed operands and partial sums.
struct Workspace {
  Scratch a, b, tiles;
};

// Computes the elements of C in `part`, which must start at multiples of the tile's size.
void MultiplyRectangle(const GemmKernel& kernel, const GemmArgs& args, const Rectangle& part, Workspace* workspace);

// Bytes of a packed B.
int64_t PackedBytes(const GemmKernel& kernel, const GemmArgs& args);

// Panels [first, last) of B, of kernel.columns columns each, to their place in a packed B.
void PackPanels(const GemmKernel& kernel, const GemmArgs& args, int64_t first, int64_t last, void* packed);

}  // namespace mayfly
