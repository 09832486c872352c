// What convolutions and poolings have in common: windows over the spatial dimensions, those after batch and channels.
#pragma once

#include "mil/call.h"

namespace mayfly::mil {

// The spatial dimensions of [batch, channels, spatial…].
Shape Spatial(const Shape& shape);

// One positive entry for each spatial dimension, `fallback` for each where the argument is absent.
Shape SpatialList(Call& call, const char* name, size_t spatial, std::optional<int64_t> fallback = {});

// The padding before and after each spatial dimension, by the arguments pad_type and pad.
Shape Pads(Call& call, const Shape& sizes, const Shape& kernel, const Shape& strides, const Shape& dilations);

}  // namespace mayfly::mil
