// A request: the surfaces of one evaluation, bound to the program's ports for good.
#pragma once

#include <string>
#include <vector>

#include "ane/io_surface.h"
#include "ane/objc_runtime.h"

namespace mayfly::ane {

// In which order a request's surfaces meet the program's ports. Reports disagree, so a canary decides (canary.h).
enum class PortOrder { kDeclared, kAlphabetical };

// Positions of `names` in binding order: element i is the port that surface i belongs to.
std::vector<size_t> BindingOrder(const std::vector<std::string>& names, PortOrder order);

// An _ANERequest over the surfaces in binding order. Throws ERR_ANE_EVALUATE.
Owned MakeRequest(const std::vector<const IoSurface*>& inputs, const std::vector<const IoSurface*>& outputs);

}  // namespace mayfly::ane
