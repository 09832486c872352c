#include "cpu/stream.h"

#include <algorithm>

#include "cpu/instruction.h"
#include "math/simd/half.h"

namespace mayfly::cpu {
namespace {

template <class T, class Lane>
void LoadIntegers(const uint8_t* from, int64_t stride, int64_t count, Lane* to) {
  const T* elements = reinterpret_cast<const T*>(from);
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<Lane>(elements[i * stride]);
}

template <class T, class Lane>
void StoreIntegers(const Lane* from, int64_t stride, int64_t count, uint8_t* to) {
  T* elements = reinterpret_cast<T*>(to);
  for (int64_t i = 0; i < count; ++i) elements[i * stride] = static_cast<T>(from[i]);
}

void LoadHalves(const uint16_t* from, int64_t stride, int64_t count, float* to) {
  if (stride == 1) return HalfToFloat(from, to, count);
  if (stride == 0) {
    std::fill_n(to, count, HalfToFloat(*from));
    return;
  }
  uint16_t gathered[kBlock];
  for (int64_t i = 0; i < count; ++i) gathered[i] = from[i * stride];
  HalfToFloat(gathered, to, count);
}

void StoreHalves(const float* from, int64_t stride, int64_t count, uint16_t* to) {
  if (stride == 1) return FloatToHalf(from, to, count);
  uint16_t halves[kBlock];
  FloatToHalf(from, halves, count);
  for (int64_t i = 0; i < count; ++i) to[i * stride] = halves[i];
}

void LoadRun(DType dtype, const uint8_t* from, int64_t stride, int64_t count, void* to) {
  switch (dtype) {
    case DType::kFp16:
      return LoadHalves(reinterpret_cast<const uint16_t*>(from), stride, count, static_cast<float*>(to));
    case DType::kFp32: return LoadIntegers<float>(from, stride, count, static_cast<float*>(to));
    case DType::kInt32: return LoadIntegers<int32_t>(from, stride, count, static_cast<int32_t*>(to));
    case DType::kInt16: return LoadIntegers<int16_t>(from, stride, count, static_cast<int32_t*>(to));
    case DType::kUint16: return LoadIntegers<uint16_t>(from, stride, count, static_cast<int32_t*>(to));
    case DType::kInt8: return LoadIntegers<int8_t>(from, stride, count, static_cast<int32_t*>(to));
    case DType::kUint8: return LoadIntegers<uint8_t>(from, stride, count, static_cast<int32_t*>(to));
    case DType::kBool: {
      int32_t* lanes = static_cast<int32_t*>(to);
      for (int64_t i = 0; i < count; ++i) lanes[i] = from[i * stride] != 0;
      return;
    }
  }
}

void StoreRun(DType dtype, const void* from, int64_t stride, int64_t count, uint8_t* to) {
  switch (dtype) {
    case DType::kFp16:
      return StoreHalves(static_cast<const float*>(from), stride, count, reinterpret_cast<uint16_t*>(to));
    case DType::kFp32: return StoreIntegers<float>(static_cast<const float*>(from), stride, count, to);
    case DType::kInt32: return StoreIntegers<int32_t>(static_cast<const int32_t*>(from), stride, count, to);
    case DType::kInt16: return StoreIntegers<int16_t>(static_cast<const int32_t*>(from), stride, count, to);
    case DType::kUint16: return StoreIntegers<uint16_t>(static_cast<const int32_t*>(from), stride, count, to);
    case DType::kInt8: return StoreIntegers<int8_t>(static_cast<const int32_t*>(from), stride, count, to);
    case DType::kUint8:
    case DType::kBool: return StoreIntegers<uint8_t>(static_cast<const int32_t*>(from), stride, count, to);
  }
}

}  // namespace

LoopIndex IndexOf(const Shape& extents, int64_t flat) {
  LoopIndex index;
  for (size_t i = extents.size(); i-- > 0;) {
    index.at[i] = flat % extents[i];
    flat /= extents[i];
  }
  return index;
}

Stream::Stream(const View& view, const Shape& extents, const Shape& strides)
    : buffer_(view.buffer), dtype_(view.dtype), offset_(view.offset), loops_(static_cast<int>(extents.size())) {
  std::copy(extents.begin(), extents.end(), extents_);
  std::copy(strides.begin(), strides.end(), strides_);
  contiguous_ = strides == DenseStrides(extents);
  uniform_ = true;
  for (size_t i = 0; i < extents.size(); ++i) {
    if (extents[i] != 1 && strides[i] != 0) uniform_ = false;
  }
}

template <class Move>
void Stream::ForEachRun(int64_t flat, const LoopIndex& index, int64_t count, Move move) const {
  const int inner = loops_ - 1;
  if (uniform_) return move(offset_, int64_t{0}, int64_t{0}, count);
  if (contiguous_) return move(offset_ + flat, int64_t{1}, int64_t{0}, count);
  LoopIndex at = index;
  int64_t element = offset_;
  for (int i = 0; i < loops_; ++i) element += at.at[i] * strides_[i];
  for (int64_t done = 0; done < count;) {
    const int64_t run = std::min(count - done, extents_[inner] - at.at[inner]);
    move(element, strides_[inner], done, run);
    done += run;
    element += run * strides_[inner];
    at.at[inner] += run;
    for (int i = inner; i > 0 && at.at[i] == extents_[i]; --i) {
      element += strides_[i - 1] - extents_[i] * strides_[i];
      at.at[i] = 0;
      ++at.at[i - 1];
    }
  }
}

void Stream::Load(Buffers buffers, int64_t flat, const LoopIndex& index, int64_t count, void* to) const {
  const uint8_t* base = buffers[buffer_];
  const int64_t size = static_cast<int64_t>(SizeOf(dtype_));
  ForEachRun(flat, index, count, [&](int64_t element, int64_t stride, int64_t at, int64_t run) {
    LoadRun(dtype_, base + element * size, stride, run, static_cast<uint8_t*>(to) + 4 * at);
  });
}

void Stream::Store(Buffers buffers, int64_t flat, const LoopIndex& index, int64_t count, const void* from) const {
  uint8_t* base = buffers[buffer_];
  const int64_t size = static_cast<int64_t>(SizeOf(dtype_));
  ForEachRun(flat, index, count, [&](int64_t element, int64_t stride, int64_t at, int64_t run) {
    StoreRun(dtype_, static_cast<const uint8_t*>(from) + 4 * at, stride, run, base + element * size);
  });
}

}  // namespace mayfly::cpu
