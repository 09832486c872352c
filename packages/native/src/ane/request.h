// A request binds the surfaces of an evaluation to the program's ports, permanently.
#pragma once

#include <string>
#include <vector>

#include "ane/io_surface.h"
#include "ane/objc_runtime.h"

namespace mayfly::ane {

// The order in which a request's surfaces are bound to ports, where the loaded program does not tell. Reports disagree,
// so a canary decides (canary.h).
enum class PortOrder { kDeclared, kAlphabetical };

struct PortOrders {
  PortOrder inputs = PortOrder::kDeclared;
  PortOrder outputs = PortOrder::kDeclared;
};

// The indices of `names` in binding order: element i is the port of surface i.
std::vector<size_t> BindingOrder(const std::vector<std::string>& names, PortOrder order);
// The same in the order of `symbols`, which the loaded program gives: `name` or `name@…`. Empty if they are not these
// names.
std::vector<size_t> BindingOrder(const std::vector<std::string>& names, const std::vector<std::string>& symbols);

// An _ANERequest over the surfaces in binding order. Throws ERR_ANE_EVALUATE.
Owned MakeRequest(const std::vector<const IoSurface*>& inputs, const std::vector<const IoSurface*>& outputs);

}  // namespace mayfly::ane
