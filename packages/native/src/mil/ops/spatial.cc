#include "mil/ops/spatial.h"

#include <algorithm>

namespace mayfly::mil {

Shape Spatial(const Shape& shape) { return Shape(shape.begin() + 2, shape.end()); }

Shape SpatialList(Call& call, const char* name, size_t spatial, std::optional<int64_t> fallback) {
  constexpr int64_t kMost = 1 << 24;
  const Shape list = fallback ? call.Ints(name, Shape(spatial, *fallback)) : call.Ints(name);
  if (list.size() != spatial) call.FailArgument(name, std::to_string(spatial) + " integers", ToString(list));
  for (int64_t entry : list) {
    if (entry < 1 || entry > kMost) call.FailArgument(name, "from 1 to " + std::to_string(kMost), ToString(list));
  }
  return list;
}

Shape Pads(Call& call, const Shape& sizes, const Shape& kernel, const Shape& strides, const Shape& dilations) {
  const size_t spatial = sizes.size();
  const std::string type = call.Text("pad_type", "valid");
  Shape pads(2 * spatial, 0);
  if (type == "valid") {
    call.Ignore("pad");
  } else if (type == "custom") {
    pads = call.Ints("pad");
    if (pads.size() != 2 * spatial) call.FailArgument("pad", std::to_string(2 * spatial) + " integers", ToString(pads));
    for (int64_t pad : pads) {
      if (pad < 0 || pad > 65'536) call.FailArgument("pad", "from 0 to 65536", ToString(pads));
    }
  } else if (type == "same" || type == "same_lower") {
    call.Ignore("pad");
    for (size_t i = 0; i < spatial; ++i) {
      const int64_t out = (sizes[i] + strides[i] - 1) / strides[i];
      const int64_t total =
          std::max<int64_t>(0, (out - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1 - sizes[i]);
      pads[2 * i] = type == "same" ? total / 2 : total - total / 2;
      pads[2 * i + 1] = total - pads[2 * i];
    }
  } else {
    call.FailArgument("pad_type", "\"valid\", \"same\", \"same_lower\" or \"custom\"",
                      "\"" + type.substr(0, 40) + "\"");
  }
  return pads;
}

}  // namespace mayfly::mil
