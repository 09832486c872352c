// The shape that numpy's broadcasting gives.
#pragma once

#include "mil/call.h"

namespace mayfly::mil {

// Throws the call's ERR_MIL_TYPE where the shapes do not broadcast.
inline Shape Broadcast(const Call& call, const Shape& a, const Shape& b) {
  const size_t rank = a.size() > b.size() ? a.size() : b.size();
  Shape result(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t m = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t n = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (m != n && m != 1 && n != 1) call.Fail("to have shapes that broadcast", ToString(a) + " and " + ToString(b));
    result[rank - 1 - i] = m == 1 ? n : m;
  }
  return result;
}

}  // namespace mayfly::mil
