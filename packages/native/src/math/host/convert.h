// Copies of matrices: between element types, transposed, between strides; and zeros.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/thread_pool.h"

namespace mayfly {

// fp32 [rows, columns] → fp16; `transpose` writes to[c, r]. Strides are in elements.
struct ToHalfArgs {
  const float* from;
  int64_t from_stride;
  uint16_t* to;
  int64_t to_stride;
  int64_t rows, columns;
  bool transpose;
};
void ToHalf(const ToHalfArgs& args, ThreadPool& pool);

// fp16 [rows, columns] → fp32.
void ToFloat(const uint16_t* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows, int64_t columns,
             ThreadPool& pool);

// x = from, fp16 [rows, columns], or its transpose; to becomes [to +] (… + (addends[1] + (addends[0] + x))), each sum
// rounded. Addends are fp32 like `to`. Strides are in elements.
struct AddHalfArgs {
  const uint16_t* from;
  int64_t from_stride;
  float* to;
  int64_t to_stride;
  int64_t rows, columns;
  bool transpose;
  bool overwrite;
  std::vector<const float*> addends;
};
void AddHalf(const AddHalfArgs& args, ThreadPool& pool);

// Strides in bytes.
void CopyRows(const uint8_t* from, int64_t from_stride, uint8_t* to, int64_t to_stride, int64_t rows, int64_t row_bytes,
              ThreadPool& pool);

void Zero(uint8_t* to, int64_t bytes, ThreadPool& pool);

}  // namespace mayfly
