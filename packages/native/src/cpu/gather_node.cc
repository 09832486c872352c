#include "cpu/gather_node.h"

#include <cstring>

#include "cpu/stream.h"
#include "error.h"

namespace mayfly::cpu {
namespace {

Shape Joined(const Shape& list, size_t from, size_t to) {
  Shape joined(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(from));
  joined.insert(joined.end(), list.begin() + static_cast<std::ptrdiff_t>(to), list.end());
  return joined;
}

}  // namespace

GatherNode::GatherNode(const View& x, const View& indices, int axis, bool negative_wraps, std::string label,
                       const View& to)
    : x_(x), indices_(indices), to_(to), negative_wraps_(negative_wraps), label_(std::move(label)) {
  Reads(x);
  Reads(indices);
  Writes(to);
  const auto at = static_cast<size_t>(axis);
  axis_size_ = x.shape[at];
  axis_stride_ = x.strides[at];
  slice_ =
      Merged(Joined(x.shape, at, at + 1), {Joined(x.strides, at, at + 1), Joined(to.strides, at, at + indices.rank())});
  index_strides_ =
      Shape(to.strides.begin() + axis, to.strides.begin() + axis + static_cast<std::ptrdiff_t>(indices.rank()));
  index_count_ = LoopNest{indices.shape, {}}.iterations();
}

template <class T>
void GatherNode::CopySlice(const T* from, T* to) const {
  const size_t inner = slice_.extents.size() - 1;
  const int64_t count = slice_.extents[inner], source_step = slice_.strides[0][inner],
                target_step = slice_.strides[1][inner];
  const int64_t runs = slice_.iterations() / count;
  for (int64_t run = 0; run < runs; ++run) {
    const LoopIndex index = IndexOf(slice_.extents, run * count);
    const T* source = from;
    T* target = to;
    for (size_t i = 0; i < inner; ++i) {
      source += index.at[i] * slice_.strides[0][i];
      target += index.at[i] * slice_.strides[1][i];
    }
    if (source_step == 1 && target_step == 1) {
      std::memcpy(target, source, static_cast<size_t>(count) * sizeof(T));
    } else {
      for (int64_t i = 0; i < count; ++i) target[i * target_step] = source[i * source_step];
    }
  }
}

void GatherNode::Run(Buffers buffers, ThreadPool*) const {
  const uint8_t* x = AddressOf(x_, buffers);
  const auto* indices = reinterpret_cast<const int32_t*>(AddressOf(indices_, buffers));
  uint8_t* to = AddressOf(to_, buffers);
  for (int64_t i = 0; i < index_count_; ++i) {
    const LoopIndex at = IndexOf(indices_.shape, i);
    int64_t place = 0, target = 0;
    for (size_t d = 0; d < indices_.rank(); ++d) {
      place += at.at[d] * indices_.strides[d];
      target += at.at[d] * index_strides_[d];
    }
    const int64_t index = indices[place];
    const int64_t chosen = index < 0 && negative_wraps_ ? index + axis_size_ : index;
    if (chosen < 0 || chosen >= axis_size_) {
      throw Error("ERR_INPUT_DATA", "Expected an index of " + label_ + " below " + std::to_string(axis_size_) +
                                        ", got " + std::to_string(index));
    }
    const auto size = static_cast<int64_t>(SizeOf(x_.dtype));
    const uint8_t* source = x + chosen * axis_stride_ * size;
    uint8_t* slot = to + target * size;
    switch (size) {
      case 4: CopySlice(reinterpret_cast<const uint32_t*>(source), reinterpret_cast<uint32_t*>(slot)); break;
      case 2: CopySlice(reinterpret_cast<const uint16_t*>(source), reinterpret_cast<uint16_t*>(slot)); break;
      default: CopySlice(source, slot); break;
    }
  }
}

}  // namespace mayfly::cpu
