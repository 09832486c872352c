#include "cpu/floored_product_node.h"

#include <cmath>

#include "cpu/stream.h"
#include "math/simd/half.h"

namespace mayfly::cpu {
namespace {

float Load(const uint8_t* from, DType type, int64_t index) {
  return type == DType::kFp16 ? HalfToFloat(reinterpret_cast<const uint16_t*>(from)[index])
                              : reinterpret_cast<const float*>(from)[index];
}

void Store(uint8_t* to, DType type, int64_t index, float value) {
  if (type == DType::kFp16) {
    reinterpret_cast<uint16_t*>(to)[index] = FloatToHalf(value);
  } else {
    reinterpret_cast<float*>(to)[index] = value;
  }
}

// One matrix of the operand for each of c's.
View ForEach(const View& operand, const View& c) {
  Shape shape(c.shape.begin(), c.shape.end() - 2);
  shape.insert(shape.end(), operand.shape.end() - 2, operand.shape.end());
  return BroadcastTo(operand, shape);
}

}  // namespace

FlooredProductNode::FlooredProductNode(const View& a, const View& b, const View& c, bool accumulate, float floor)
    : a_(ForEach(a, c)), b_(ForEach(b, c)), c_(c), accumulate_(accumulate), floor_(floor) {
  Reads(a);
  Reads(b);
  Writes(c);
}

void FlooredProductNode::Run(Buffers buffers, ThreadPool* pool) const {
  const size_t row = c_.rank() - 2, column = c_.rank() - 1;
  const int64_t columns = c_.shape[column], depth = a_.shape[column];
  const uint8_t* const a = AddressOf(a_, buffers);
  const uint8_t* const b = AddressOf(b_, buffers);
  uint8_t* const c = AddressOf(c_, buffers);
  const Shape rows(c_.shape.begin(), c_.shape.end() - 1);
  pool->ParallelFor(ElementsOf(rows), 1, [&](int64_t begin, int64_t end) {
    for (int64_t flat = begin; flat < end; ++flat) {
      const LoopIndex index = IndexOf(rows, flat);
      int64_t in_a = 0, in_b = 0, in_c = 0;
      for (size_t axis = 0; axis < rows.size(); ++axis) {
        in_a += index.at[axis] * a_.strides[axis];
        in_c += index.at[axis] * c_.strides[axis];
        if (axis < row) in_b += index.at[axis] * b_.strides[axis];
      }
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t place = in_c + j * c_.strides[column];
        float sum = accumulate_ ? Load(c, c_.dtype, place) : 0;
        for (int64_t k = 0; k < depth; ++k) {
          const float product = Load(a, a_.dtype, in_a + k * a_.strides[column]) *
                                Load(b, b_.dtype, in_b + k * b_.strides[row] + j * b_.strides[column]);
          // Not the other way round, which would drop NaN.
          if (!(std::fabs(product) < floor_)) sum += product;
        }
        Store(c, c_.dtype, place, sum);
      }
    }
  });
}

}  // namespace mayfly::cpu
