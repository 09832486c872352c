#include "ane/ane_program.h"

#include <algorithm>

#include "error.h"

namespace mayfly::ane {
namespace {

// Surfaces of inputs that no longer come would pile up; this many are more than layers of any model.
constexpr size_t kMaxBindings = 256;

// One surface per port. Where there are several, all get the size of the largest: every report on orders and sizes of a
// request's surfaces is content with equal ones.
std::vector<IoSurface> MakeSurfaces(const std::vector<Port>& ports, const SurfaceRules& rules) {
  size_t bytes = 0;
  for (const Port& port : ports) bytes = std::max(bytes, rules.Round(port.bytes()));
  std::vector<IoSurface> surfaces;
  for (size_t i = 0; i < ports.size(); ++i) surfaces.emplace_back(bytes);
  return surfaces;
}

std::vector<const IoSurface*> Bound(const std::vector<IoSurface>& surfaces, const std::vector<Port>& ports,
                                    PortOrder order) {
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(port.name);
  std::vector<const IoSurface*> bound;
  for (size_t port : BindingOrder(names, order)) bound.push_back(&surfaces[port]);
  return bound;
}

size_t BytesOf(const std::vector<IoSurface>& surfaces) {
  size_t bytes = 0;
  for (const IoSurface& surface : surfaces) bytes += surface.bytes();
  return bytes;
}

}  // namespace

AneProgram::AneProgram(std::string_view text, const std::vector<WeightFile>& weights, ProgramPorts ports,
                       const ProgramOptions& options)
    : ports_(std::move(ports)),
      options_(options),
      model_(text, weights) {
  directory_ = StagedDirectory::Stage(model_.identifier(), text, weights);
  for (const WeightFile& file : weights) resident_bytes_ += file.bytes;
  CompileAndLoad();
  outputs_ = MakeSurfaces(ports_.outputs, options_.surfaces);
  resident_bytes_ += BytesOf(outputs_);
  BindingOf(nullptr);
}

void AneProgram::CompileAndLoad() {
  if (options_.cache != nullptr) {
    options_.cache->Restore(model_.identifier(), *directory_);
    if (model_.CompiledModelExists()) {
      try {
        return model_.Load();
      } catch (const Error& error) {
        // A compilation does not help against a limit.
        if (error.code() == "ERR_DEVICE_LIMIT") throw;
        options_.cache->Forget(model_.identifier());
      }
    }
  }
  model_.Compile();
  model_.Load();
  if (options_.cache != nullptr) options_.cache->Keep(model_.identifier(), *directory_);
}

void AneProgram::ReloadWeights(const std::vector<WeightFile>& weights) {
  model_.Unload();
  for (const WeightFile& file : weights) directory_->Put(StagedName(file.path), file.data, file.bytes, true);
  model_.Load();
}

AneProgram::Binding& AneProgram::BindingOf(const void* key) {
  const auto found = bindings_.find(key);
  if (found != bindings_.end()) return found->second;
  if (bindings_.size() >= kMaxBindings) DropBindings();
  Binding binding;
  binding.inputs = MakeSurfaces(ports_.inputs, options_.surfaces);
  binding.request = MakeRequest(Bound(binding.inputs, ports_.inputs, options_.input_order),
                                Bound(outputs_, ports_.outputs, options_.output_order));
  resident_bytes_ += BytesOf(binding.inputs);
  return bindings_.emplace(key, std::move(binding)).first->second;
}

void AneProgram::DropBindings() {
  for (const auto& [key, binding] : bindings_) resident_bytes_ -= BytesOf(binding.inputs);
  bindings_.clear();
}

void AneProgram::Evaluate(const void* const* inputs, void* const* outputs) {
  Binding& binding = BindingOf(nullptr);
  for (size_t i = 0; i < binding.inputs.size(); ++i) binding.inputs[i].Write(inputs[i], ports_.inputs[i].bytes());
  Run(binding, outputs);
}

void AneProgram::EvaluateFresh(const void* const* inputs, void* const* outputs, const InputPromise& promise) {
  if (promise.generation == 0 || ports_.inputs.empty()) return Evaluate(inputs, outputs);
  const Port& first = ports_.inputs[0];
  const auto columns = static_cast<size_t>(first.shape.empty() ? 1 : first.shape.back());
  if (promise.fresh_columns > columns) {
    throw Error("ERR_ARENA_BOUNDS", "Expected at most " + std::to_string(columns) + " fresh columns of input " + first.name +
                                        ", got " + std::to_string(promise.fresh_columns));
  }
  Binding& binding = BindingOf(inputs[0]);
  if (binding.generation == promise.generation) {
    const size_t stride = columns * SizeOf(first.dtype);
    binding.inputs[0].WriteRows(inputs[0], promise.fresh_columns * SizeOf(first.dtype), stride, first.bytes() / stride);
  } else {
    binding.inputs[0].Write(inputs[0], first.bytes());
    binding.generation = promise.generation;
  }
  for (size_t i = 1; i < binding.inputs.size(); ++i) binding.inputs[i].Write(inputs[i], ports_.inputs[i].bytes());
  Run(binding, outputs);
}

void AneProgram::Run(const Binding& binding, void* const* outputs) {
  model_.Evaluate(binding.request.get(), options_.path);
  for (size_t i = 0; i < outputs_.size(); ++i) outputs_[i].Read(outputs[i], ports_.outputs[i].bytes());
}

}  // namespace mayfly::ane
