#include "cpu/im2col_node.h"

#include <algorithm>

#include "bytes.h"
#include "cpu/stream.h"
#include "math/simd/half.h"

namespace mayfly::cpu {

Im2colNode::Im2colNode(const View& from, const View& to, const mil::WindowsAttributes& windows)
    : from_(from), to_(to), attributes_(windows) {
  Reads(from);
  Writes(to);
  const auto spatial = static_cast<std::ptrdiff_t>(from.rank()) - 2;
  rows_ = Shape(to.shape.begin(), to.shape.begin() + 2 + spatial);
  windows_ = Shape(to.shape.begin() + 2 + spatial, to.shape.end());
  row_count_ = LoopNest{rows_, {}}.iterations();
  window_count_ = LoopNest{windows_, {}}.iterations();
}

// A row has, for one channel and one tap of the kernel, the element of every window.
template <class T>
void Im2colNode::RunRows(Buffers buffers, int64_t begin, int64_t end, T outside) const {
  const T* from = reinterpret_cast<const T*>(AddressOf(from_, buffers));
  T* to = reinterpret_cast<T*>(AddressOf(to_, buffers));
  const size_t spatial = windows_.size(), inner = spatial - 1;
  for (int64_t row = begin; row < end; ++row) {
    const LoopIndex tap = IndexOf(rows_, row);
    const T* channel = from + tap.at[0] * from_.strides[0] + tap.at[1] * from_.strides[1];
    T* target = to + row * window_count_;
    for (int64_t line = 0; line < window_count_; line += windows_[inner]) {
      const LoopIndex window = IndexOf(windows_, line);
      const T* source = channel;
      bool inside = true;
      auto position = [&](size_t d, int64_t w) {
        return w * attributes_.strides[d] + tap.at[2 + d] * attributes_.dilations[d] - attributes_.pads[2 * d];
      };
      for (size_t d = 0; d < inner; ++d) {
        const int64_t at = position(d, window.at[d]);
        inside = inside && at >= 0 && at < from_.shape[2 + d];
        source += (inside ? at : 0) * from_.strides[2 + d];
      }
      for (int64_t w = 0; w < windows_[inner]; ++w) {
        const int64_t at = position(inner, w);
        const bool present = inside && at >= 0 && at < from_.shape[2 + inner];
        target[line + w] = present ? source[at * from_.strides[2 + inner]] : outside;
      }
    }
  }
}

void Im2colNode::Run(Buffers buffers, ThreadPool* pool) const {
  constexpr int64_t kElementsPerTask = 4096;
  const int64_t grain = std::max<int64_t>(1, kElementsPerTask / window_count_);
  pool->ParallelFor(row_count_, grain, [&](int64_t begin, int64_t end) {
    if (to_.dtype == DType::kFp16) return RunRows<uint16_t>(buffers, begin, end, FloatToHalf(attributes_.outside));
    RunRows<uint32_t>(buffers, begin, end, LoadBytes<uint32_t>(&attributes_.outside));
  });
}

}  // namespace mayfly::cpu
