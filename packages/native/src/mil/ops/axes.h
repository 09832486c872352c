// Lists of axes.
#pragma once

#include "mil/call.h"

namespace mayfly::mil {

// A mask of the axes in a list. Each must lie within `rank`.
inline std::vector<bool> MarkAxes(Call& call, const Shape& axes, int64_t rank) {
  std::vector<bool> marked(static_cast<size_t>(rank), false);
  for (int64_t axis : axes) {
    const int64_t from_front = axis < 0 ? axis + rank : axis;
    if (from_front < 0 || from_front >= rank || marked[static_cast<size_t>(from_front)]) {
      call.FailArgument("axes", "different axes from " + std::to_string(-rank) + " to " + std::to_string(rank - 1),
                        ToString(axes));
    }
    marked[static_cast<size_t>(from_front)] = true;
  }
  return marked;
}

}  // namespace mayfly::mil
