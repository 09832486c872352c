// The loops of matrix products, host math and the cpu device, compiled for each instruction set in a file of its own.
#pragma once

#include "cpu/block_loops.h"
#include "math/gemm/gemm_kernel.h"
#include "math/gemm/matrix_vector.h"
#include "math/host/vector_loops.h"

namespace mayfly {

struct Loops {
  GemmKernel gemm;
  MatrixVectorLoops matrix_vector;
  VectorLoops vectors;
  cpu::BlockLoops blocks;
};

}  // namespace mayfly
