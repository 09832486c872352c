#include "ane/request.h"

#include <algorithm>
#include <numeric>

#include "ane/foundation.h"
#include "error.h"

namespace mayfly::ane {
namespace {

Id Wrappers(const std::vector<const IoSurface*>& surfaces) {
  std::vector<Id> wrappers;
  for (const IoSurface* surface : surfaces) wrappers.push_back(surface->wrapper());
  return Array(wrappers);
}

Id Indices(size_t count) {
  std::vector<Id> indices;
  for (size_t i = 0; i < count; ++i) indices.push_back(Number(i));
  return Array(indices);
}

}  // namespace

std::vector<size_t> BindingOrder(const std::vector<std::string>& names, PortOrder order) {
  std::vector<size_t> ports(names.size());
  std::iota(ports.begin(), ports.end(), size_t{0});
  if (order == PortOrder::kAlphabetical) {
    std::sort(ports.begin(), ports.end(), [&](size_t a, size_t b) { return names[a] < names[b]; });
  }
  return ports;
}

std::vector<size_t> BindingOrder(const std::vector<std::string>& names, const std::vector<std::string>& symbols) {
  std::vector<size_t> ports;
  for (const std::string& symbol : symbols) {
    const auto name = std::find(names.begin(), names.end(), symbol.substr(0, symbol.find('@')));
    const auto port = static_cast<size_t>(name - names.begin());
    if (name == names.end() || std::find(ports.begin(), ports.end(), port) != ports.end()) return {};
    ports.push_back(port);
  }
  if (ports.size() != names.size()) ports.clear();
  return ports;
}

Owned MakeRequest(const std::vector<const IoSurface*>& inputs, const std::vector<const IoSurface*>& outputs) {
  const AutoreleasePool pool;
  const Id request = Send(
      ObjcRuntime::Get().ClassNamed("_ANERequest"),
      "requestWithInputs:inputIndices:outputs:outputIndices:weightsBuffer:perfStats:procedureIndex:", Wrappers(inputs),
      Indices(inputs.size()), Wrappers(outputs), Indices(outputs.size()), Id{nullptr}, Id{nullptr}, Number(0));
  if (request == nullptr) throw Error("ERR_ANE_EVALUATE", "Expected a request over the surfaces, got nil");
  return Owned::Retain(request);
}

}  // namespace mayfly::ane
