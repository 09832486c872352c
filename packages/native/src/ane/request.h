// A request binds the surfaces of an evaluation to the program's ports, permanently.
#pragma once

#include <string>
#include <vector>

#include "ane/io_surface.h"
#include "ane/objc_runtime.h"

namespace mayfly::ane {

// The order in which a request's surfaces are bound to ports. Reports disagree, so a canary decides (canary.h).
enum class PortOrder { kDeclared, kAlphabetical };

// The indices of `names` in binding order: element i is the port of surface i.
std::vector<size_t> BindingOrder(const std::vector<std::string>& names, PortOrder order);

// An _ANERequest over the surfaces in binding order. Throws ERR_ANE_EVALUATE.
Owned MakeRequest(const std::vector<const IoSurface*>& inputs, const std::vector<const IoSurface*>& outputs);

}  // namespace mayfly::ane
