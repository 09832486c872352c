// Softmax down the columns of a dense [rows, columns] block, in passes over ranges of rows. Templates on the vectors S
// of an instruction set.
#pragma once

#include <cstdint>

#include "math/simd/vector_math.h"

namespace mayfly {

template <class S>
void ColumnMaximum(const float* x, int64_t rows, int64_t columns, float* maximum) {
  for (int64_t n = 0; n < columns; n += S::kWidth) {
    typename S::F largest = S::Set(-__builtin_inff());
    for (int64_t r = 0; r < rows; ++r) largest = S::Max(largest, LoadUpTo<S>(x + r * columns + n, columns - n));
    StoreUpTo<S>(maximum + n, largest, columns - n);
  }
}

template <class S>
void ColumnExponentiate(float* x, int64_t rows, int64_t columns, const float* maximum, float* sum) {
  for (int64_t n = 0; n < columns; n += S::kWidth) {
    const typename S::F largest = LoadUpTo<S>(maximum + n, columns - n);
    typename S::F total = S::Zero();
    for (int64_t r = 0; r < rows; ++r) {
      float* at = x + r * columns + n;
      const typename S::F value = Exp<S>(LoadUpTo<S>(at, columns - n) - largest);
      StoreUpTo<S>(at, value, columns - n);
      total = total + value;
    }
    StoreUpTo<S>(sum + n, total, columns - n);
  }
}

template <class S>
void ColumnScale(float* x, int64_t rows, int64_t columns, const float* factor) {
  for (int64_t n = 0; n < columns; n += S::kWidth) {
    const typename S::F by = LoadUpTo<S>(factor + n, columns - n);
    for (int64_t r = 0; r < rows; ++r) {
      float* at = x + r * columns + n;
      StoreUpTo<S>(at, LoadUpTo<S>(at, columns - n) * by, columns - n);
    }
  }
}

}  // namespace mayfly
