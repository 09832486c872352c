// C = alpha·A·B + beta·C with fp32 accumulation, for fp16 or fp32 operands in any stride.
#pragma once

#include <cstdint>

#include "dtype.h"
#include "math/gemm/precision.h"
#include "parallel/thread_pool.h"

namespace mayfly {

// Strides are in elements; either may be 1 (row-major or transposed), or neither.
struct MatrixView {
  const void* data;
  DType dtype;  // kFp16 or kFp32
  int64_t row_stride;
  int64_t column_stride;
};

struct MatrixOutput {
  void* data;
  DType dtype;         // kFp16 or kFp32
  int64_t row_stride;  // columns are contiguous
};

const void* ElementAt(const MatrixView& matrix, int64_t row, int64_t column);
void* ElementAt(const MatrixOutput& matrix, int64_t row, int64_t column);

struct GemmArgs {
  int64_t m, n, k;
  MatrixView a;    // m × k
  MatrixView b;    // k × n
  MatrixOutput c;  // m × n
  float alpha = 1.0f;
  float beta = 0.0f;  // 0 never reads C
  Precision precision = Precision::kExact;
  const void* packed_b = nullptr;  // B as PackB left it
};

// The k loop of one output element always runs in one order, whatever the thread count and the split. With kBlas the
// order is the library's, and the split into calls depends on the shape alone.
// `pool` may be null: then single-threaded. Small products run on the caller alone.
void Gemm(const GemmArgs& args, ThreadPool* pool);

// Packs B for any number of products with the same B, types and precision, whatever their A; `packed` has PackedBytes.
// Nothing to do with kBlas.
int64_t PackedBytes(const GemmArgs& args);
void PackB(const GemmArgs& args, void* packed, ThreadPool* pool);

// The `item`-th of several products of equal shape; strides as BatchedGemm takes them.
GemmArgs BatchItem(const GemmArgs& first, int64_t item, int64_t a_stride, int64_t b_stride, int64_t c_stride);

// `count` products of equal shape; `*_stride` in elements from one to the next (0 broadcasts).
void BatchedGemm(const GemmArgs& first, int64_t count, int64_t a_stride, int64_t b_stride, int64_t c_stride,
                 ThreadPool* pool);

}  // namespace mayfly
