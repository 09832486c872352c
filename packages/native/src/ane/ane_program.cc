#include "ane/ane_program.h"

#include <algorithm>
#include <optional>

#include "ane/content_hash.h"
#include "ane/program_tag.h"
#include "error.h"

namespace mayfly::ane {
namespace {

// Bounds the surfaces of input pointers that are no longer used. No model has so many layers.
constexpr size_t kMaxBindings = 256;

// One surface for each port, all with the size of the largest: reports differ on orders and sizes of a request's
// surfaces, but equal sizes satisfy all of them.
std::vector<IoSurface> MakeSurfaces(const std::vector<Port>& ports, const SurfaceRules& rules) {
  size_t bytes = 0;
  for (const Port& port : ports) bytes = std::max(bytes, rules.Round(port.bytes()));
  std::vector<IoSurface> surfaces;
  for (size_t i = 0; i < ports.size(); ++i) surfaces.emplace_back(bytes);
  return surfaces;
}

std::vector<const IoSurface*> Bound(const std::vector<IoSurface>& surfaces, const std::vector<size_t>& order) {
  std::vector<const IoSurface*> bound;
  for (size_t port : order) bound.push_back(&surfaces[port]);
  return bound;
}

std::vector<std::string> NamesOf(const std::vector<Port>& ports) {
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(port.name);
  return names;
}

size_t BytesOf(const std::vector<IoSurface>& surfaces) {
  size_t bytes = 0;
  for (const IoSurface& surface : surfaces) bytes += surface.bytes();
  return bytes;
}

// Bytes that are numbers from 0.25 to 0.5 in fp16, and finite numbers in every other type.
std::vector<uint16_t> Pattern(size_t bytes) {
  constexpr uint16_t kQuarter = 0x3400;
  std::vector<uint16_t> values((bytes + 1) / 2);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(kQuarter + (i * 97) % 1024);
  return values;
}

}  // namespace

AneProgram::AneProgram(std::string_view text, const std::vector<mil::WeightFile>& weights, ProgramPorts ports,
                       const ProgramOptions& options)
    : text_(text), ports_(std::move(ports)), options_(options) {
  // Without weights there is nothing to replace.
  if (weights.empty()) options_.park = nullptr;
  outputs_ = MakeSurfaces(ports_.outputs, options_.surfaces);
  for (const mil::WeightFile& file : weights) resident_bytes_ += file.bytes;
  resident_bytes_ += BytesOf(outputs_);
  if (options_.park != nullptr && LoadParked(weights)) return;
  const bool unique = options_.unique || options_.park != nullptr;
  staged_ = std::make_unique<StagedModel>(options_.api, unique ? WithUniqueTag(text_) : WithWeightsTag(text_, weights),
                                          weights, options_.quality_of_service);
  compilations_ = staged_->CompileAndLoad(weights);
  Bind();
  if (options_.park != nullptr) fingerprint_ = Measure(weights);
}

AneProgram::~AneProgram() {
  if (options_.park == nullptr || staged_ == nullptr) return;
  PrintFailure([this] {
    staged_->Unload();
    options_.park->Keep(text_, {std::move(staged_), fingerprint_});
  });
}

bool AneProgram::LoadParked(const std::vector<mil::WeightFile>& weights) {
  std::optional<ParkedModel> parked = options_.park->Take(text_);
  try {
    if (!parked) return false;
    parked->model->LoadWith(weights);
  } catch (const Error& error) {
    // At a limit, another compilation would not help.
    if (error.code() == "ERR_DEVICE_LIMIT") throw;
    options_.park->Close(error.what());
    return false;
  }
  staged_ = std::move(parked->model);
  Bind();
  fingerprint_ = Measure(weights);
  if (!fingerprint_.IsStale(parked->fingerprint)) return true;
  options_.park->Close("a program gave the same results with other weights");
  staged_ = nullptr;
  return false;
}

void AneProgram::Bind() {
  const std::vector<std::string> inputs = NamesOf(ports_.inputs);
  const std::vector<std::string> outputs = NamesOf(ports_.outputs);
  const bool several = inputs.size() > 1 || outputs.size() > 1;
  if (several && options_.reads_attributes) {
    input_order_ = BindingOrder(inputs, staged_->model().Symbols("kANEFModelInputSymbolsArrayKey"));
    output_order_ = BindingOrder(outputs, staged_->model().Symbols("kANEFModelOutputSymbolsArrayKey"));
    lists_ports_ = !input_order_.empty() && !output_order_.empty();
  }
  if (!lists_ports_) {
    const PortOrders orders = several ? options_.port_orders() : PortOrders();
    input_order_ = BindingOrder(inputs, orders.inputs);
    output_order_ = BindingOrder(outputs, orders.outputs);
  }
  DropBindings();
  BindingOf(nullptr);
}

Fingerprint AneProgram::Measure(const std::vector<mil::WeightFile>& weights) {
  Fingerprint fingerprint;
  for (const mil::WeightFile& file : weights)
    fingerprint.weights = ContentHash(file.data, file.bytes, fingerprint.weights);
  std::vector<std::vector<uint16_t>> inputs;
  std::vector<std::vector<uint8_t>> outputs;
  std::vector<const void*> from;
  std::vector<void*> to;
  for (const Port& port : ports_.inputs) from.push_back(inputs.emplace_back(Pattern(port.bytes())).data());
  for (const Port& port : ports_.outputs) to.push_back(outputs.emplace_back(port.bytes()).data());
  Evaluate(from.data(), to.data());
  for (const std::vector<uint8_t>& output : outputs) {
    fingerprint.outputs = ContentHash(output.data(), output.size(), fingerprint.outputs);
  }
  return fingerprint;
}

AneProgram::Binding& AneProgram::BindingOf(const void* key) {
  const auto found = bindings_.find(key);
  if (found != bindings_.end()) return found->second;
  if (bindings_.size() >= kMaxBindings) DropBindings();
  Binding binding;
  binding.inputs = MakeSurfaces(ports_.inputs, options_.surfaces);
  binding.request = MakeRequest(Bound(binding.inputs, input_order_), Bound(outputs_, output_order_));
  resident_bytes_ += BytesOf(binding.inputs);
  return bindings_.emplace(key, std::move(binding)).first->second;
}

void AneProgram::DropBindings() {
  for (const auto& [key, binding] : bindings_) resident_bytes_ -= BytesOf(binding.inputs);
  bindings_.clear();
}

void AneProgram::Evaluate(const void* const* inputs, void* const* outputs) {
  Binding& binding = BindingOf(nullptr);
  for (size_t i = 0; i < binding.inputs.size(); ++i) Write(&binding, i, inputs[i]);
  Run(binding, outputs);
}

void AneProgram::Write(Binding* binding, size_t input, const void* from) {
  const size_t bytes = ports_.inputs[input].bytes();
  binding->inputs[input].Write(from, bytes);
  copied_.in += bytes;
}

void AneProgram::EvaluateFresh(const void* const* inputs, void* const* outputs, const InputReuse& reuse) {
  if (reuse.generation == 0 || ports_.inputs.empty()) return Evaluate(inputs, outputs);
  const Port& first = ports_.inputs[0];
  const auto columns = static_cast<size_t>(first.shape.empty() ? 1 : first.shape.back());
  if (reuse.fresh_columns > columns) {
    throw Error("ERR_ARENA_BOUNDS", "Expected at most " + std::to_string(columns) + " fresh columns of input " +
                                        first.name + ", got " + std::to_string(reuse.fresh_columns));
  }
  Binding& binding = BindingOf(inputs[0]);
  if (binding.generation == reuse.generation) {
    const size_t stride = columns * SizeOf(first.dtype);
    const size_t row_bytes = reuse.fresh_columns * SizeOf(first.dtype);
    const size_t rows = first.bytes() / stride;
    binding.inputs[0].WriteRows(inputs[0], row_bytes, stride, rows);
    copied_.in += row_bytes * rows;
  } else {
    Write(&binding, 0, inputs[0]);
    binding.generation = reuse.generation;
  }
  for (size_t i = 1; i < binding.inputs.size(); ++i) Write(&binding, i, inputs[i]);
  Run(binding, outputs);
}

void AneProgram::Run(const Binding& binding, void* const* outputs) {
  staged_->model().Evaluate(binding.request.get(), options_.path);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const size_t bytes = ports_.outputs[i].bytes();
    outputs_[i].Read(outputs[i], bytes);
    copied_.out += bytes;
  }
}

}  // namespace mayfly::ane
