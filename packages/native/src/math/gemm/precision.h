// How exact the products of matrices are.
#pragma once

#include <cstdint>

namespace mayfly {

enum class Precision : uint8_t {
  kExact,  // at least as exact as a sum of fp16 or fp32 products in fp32
  kFast,   // operands rounded to bf16, sums in fp32, on processors that are faster so; elsewhere as kExact
  kBlas,   // by cblas_sgemm of a library, operands converted to fp32: its sums, in its order
};

}  // namespace mayfly
