// Conversion of whole arrays between fp16 and fp32, once for every instruction set.
#pragma once

#include <cstdint>

namespace mayfly {

template <class S, class From, class To>
void ConvertArray(const From* from, To* to, int64_t count) {
  int64_t i = 0;
  for (; i + S::kWidth <= count; i += S::kWidth) S::Store(to + i, S::Load(from + i));
  if (i < count) S::Store(to + i, S::Load(from + i, count - i), count - i);
}

}  // namespace mayfly
