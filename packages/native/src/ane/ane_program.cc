#include "ane/ane_program.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ane/content_hash.h"
#include "ane/program_tag.h"
#include "error.h"

namespace mayfly::ane {
namespace {

using Surfaces = std::vector<std::shared_ptr<IoSurface>>;

// Bounds the requests over surfaces that are no longer used. No model has so many layers.
constexpr size_t kMostRequests = 256;

// The size of the surfaces of all ports of one side, which is that of the largest: reports differ on orders and sizes
// of a request's surfaces, but equal sizes satisfy all of them.
size_t SurfaceBytes(const std::vector<Port>& ports, const SurfaceRules& rules) {
  size_t bytes = 0;
  for (const Port& port : ports) bytes = std::max(bytes, rules.Round(port.bytes()));
  return bytes;
}

// Whether both fill some of the same bytes of an input with such rows.
bool Overlap(const InputPart& a, const InputPart& b, size_t stride) {
  const auto meet = [](size_t begin, size_t length, size_t other, size_t other_length) {
    return begin < other + other_length && other < begin + length;
  };
  return meet(a.at / stride, a.rows, b.at / stride, b.rows) &&
         meet(a.at % stride, a.row_bytes, b.at % stride, b.row_bytes);
}

std::vector<const IoSurface*> Bound(const Surfaces& surfaces, const std::vector<size_t>& order) {
  std::vector<const IoSurface*> bound;
  for (size_t port : order) bound.push_back(surfaces[port].get());
  return bound;
}

std::vector<std::string> NamesOf(const std::vector<Port>& ports) {
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(port.name);
  return names;
}

size_t BytesOf(const Surfaces& surfaces) {
  size_t bytes = 0;
  for (const auto& surface : surfaces) bytes += surface == nullptr ? 0 : surface->bytes();
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
  const size_t output_bytes = SurfaceBytes(ports_.outputs, options_.surfaces);
  for (size_t i = 0; i < ports_.outputs.size(); ++i) outputs_.push_back(std::make_shared<IoSurface>(output_bytes));
  input_bytes_ = SurfaceBytes(ports_.inputs, options_.surfaces);
  inputs_.resize(ports_.inputs.size());
  for (size_t i = 1; i < inputs_.size(); ++i) inputs_[i] = std::make_shared<IoSurface>(input_bytes_);
  for (const mil::WeightFile& file : weights) weight_bytes_ += file.bytes;
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
  requests_.clear();
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

size_t AneProgram::resident_bytes() const {
  const size_t own = own_input_.surface == nullptr ? 0 : own_input_.surface->bytes();
  const size_t spare = spare_ == nullptr ? 0 : spare_->bytes();
  return weight_bytes_ + BytesOf(outputs_) + spare + BytesOf(inputs_) + own + (owns_table_ ? table_->bytes() : 0);
}

void AneProgram::NeedTable(const InputReuse& reuse) {
  const bool named = reuse.output_generation != 0 && outputs_.size() == 1;
  if (table_ != nullptr || (!named && reuse.generation == 0)) return;
  table_ = options_.shared_surfaces();
  owns_table_ = table_ == nullptr;
  if (owns_table_) table_ = std::make_shared<SurfaceTable>();
}

void AneProgram::CheckFresh(const InputReuse& reuse) const {
  const Port& first = ports_.inputs[0];
  if (reuse.fresh_columns <= first.columns()) return;
  throw Error("ERR_ARENA_BOUNDS", "Expected at most " + std::to_string(first.columns()) + " fresh columns of input " +
                                      first.name + ", got " + std::to_string(reuse.fresh_columns));
}

std::shared_ptr<IoSurface> AneProgram::MadeInput(const void* input, const InputReuse& reuse) const {
  if (reuse.generation == 0 || reuse.fresh_columns != 0 || inputs_.size() != 1) return nullptr;
  std::shared_ptr<IoSurface> made = table_->Output(input, reuse.generation, input_bytes_);
  // A program must not read its own output, and others must not be written to.
  return std::find(outputs_.begin(), outputs_.end(), made) == outputs_.end() && made != spare_ ? made : nullptr;
}

InputSurface* AneProgram::CopiedInput(const void* input, const InputReuse& reuse) {
  if (reuse.generation != 0) return table_->Input(input, ContentsOf(reuse).fresh, input_bytes_);
  if (own_input_.surface == nullptr) own_input_.surface = std::make_shared<IoSurface>(input_bytes_);
  return &own_input_;
}

std::shared_ptr<IoSurface> AneProgram::FirstInput(const void* input, const InputReuse& reuse) {
  if (std::shared_ptr<IoSurface> made = MadeInput(input, reuse)) return made;
  InputSurface* const known = CopiedInput(input, reuse);
  known->Settle();
  const Contents wanted = ContentsOf(reuse);
  // Only once they are copied does the surface hold them.
  const Contents before = std::exchange(known->contents, {});
  const std::vector<InputPart> prefetched = std::exchange(known->prefetched_parts, {});
  const size_t prefetched_bytes = std::exchange(known->prefetched_bytes, 0);
  const bool fresh_only = before.Cover(wanted);
  if (fresh_only) copied_.prefetched += prefetched_bytes;
  copies_.clear();
  if (reuse.parts.empty()) {
    RowCopy all = Reused(input, {});
    if (fresh_only) all.row_bytes = wanted.fresh;
    copies_.push_back(all);
  } else {
    if (!fresh_only) copies_.push_back(Reused(input, reuse));
    for (const InputPart& part : reuse.parts) {
      const RowCopy copy = Part(part);
      if (std::find(prefetched.begin(), prefetched.end(), part) == prefetched.end())
        copies_.push_back(copy);
      else
        copied_.prefetched += copy.bytes();
    }
  }
  size_t bytes = 0;
  for (const RowCopy& copy : copies_) bytes += copy.bytes();
  // Locking costs more than copying nothing.
  if (bytes > 0) {
    known->surface->Fill([&](uint8_t* memory) {
      for (const RowCopy& copy : copies_) CopyRows(copy, memory);
    });
  }
  copied_.in += bytes;
  known->contents = fresh_only ? before : wanted;
  return known->surface;
}

void AneProgram::Prefetch(const void* input, const InputReuse& reuse) {
  CheckFresh(reuse);
  NeedTable(reuse);
  if (MadeInput(input, reuse) != nullptr) return;
  if (prefetcher_ == nullptr) prefetcher_ = options_.prefetcher();
  if (prefetcher_ == nullptr) return;
  InputSurface* const known = CopiedInput(input, reuse);
  // The request keeps the surface until it is used.
  RequestOver(known->surface);
  const Contents wanted = ContentsOf(reuse);
  const bool covers = reuse.generation == 0 || known->contents.Cover(wanted);
  // Another program reads the same input.
  if (covers && reuse.parts.empty()) return;
  known->Settle();
  // The surface already holds what another evaluation reads in the same place.
  for (const InputPart& part : reuse.parts) {
    for (const InputPart& held : known->prefetched_parts) {
      if (!(held == part) && Overlap(held, part, ports_.inputs[0].row_bytes())) return;
    }
  }
  std::vector<RowCopy> copies;
  if (!covers) copies.push_back(Reused(input, reuse));
  for (const InputPart& part : reuse.parts) copies.push_back(Part(part));
  size_t bytes = 0;
  for (const RowCopy& copy : copies) bytes += copy.bytes();
  if (bytes == 0) return;
  known->prefetch = prefetcher_->Begin(known->surface, std::move(copies));
  if (known->prefetch == nullptr) return;
  copied_.in += bytes;
  if (!covers) {
    known->contents = wanted;
    known->prefetched_bytes = Reused(input, reuse).bytes();
  }
  for (const InputPart& part : reuse.parts) known->prefetched_parts.push_back(part);
}

Contents AneProgram::ContentsOf(const InputReuse& reuse) const {
  const Port& port = ports_.inputs[0];
  return {reuse.generation, port.bytes(), port.row_bytes(), reuse.fresh_columns * SizeOf(port.dtype)};
}

RowCopy AneProgram::Reused(const void* input, const InputReuse& reuse) const {
  const Port& port = ports_.inputs[0];
  const size_t stride = port.row_bytes();
  const size_t fresh = reuse.fresh_columns * SizeOf(port.dtype);
  const size_t rows = stride == 0 ? 0 : port.bytes() / stride;
  return {fresh, stride, static_cast<const uint8_t*>(input) + fresh, stride, rows, stride - fresh};
}

RowCopy AneProgram::Part(const InputPart& part) const {
  return {part.at, ports_.inputs[0].row_bytes(), part.from, part.from_stride, part.rows, part.row_bytes};
}

const Owned& AneProgram::RequestOver(const std::shared_ptr<IoSurface>& first) {
  const auto key = std::make_pair(first.get(), outputs_[0].get());
  const auto found = requests_.find(key);
  if (found != requests_.end()) return found->second.request;
  if (requests_.size() >= kMostRequests) requests_.clear();
  Surfaces inputs = inputs_;
  if (!inputs.empty()) inputs[0] = first;
  BoundRequest bound{first, MakeRequest(Bound(inputs, input_order_), Bound(outputs_, output_order_))};
  return requests_.emplace(key, std::move(bound)).first->second.request;
}

void AneProgram::Evaluate(const void* const* inputs, void* const* outputs) { EvaluateFresh(inputs, outputs, {}); }

void AneProgram::EvaluateFresh(const void* const* inputs, void* const* outputs, const InputReuse& reuse) {
  NeedTable(reuse);
  const size_t leading = LeadingBytes(reuse);
  FreeOutput();
  if (table_ != nullptr) table_->ForgetOutput(outputs_[0]);
  if (inputs_.empty()) {
    Run(nullptr, inputs, outputs, leading);
  } else {
    CheckFresh(reuse);
    Run(FirstInput(inputs[0], reuse), inputs, outputs, leading);
  }
  if (reuse.output_generation != 0 && outputs_.size() == 1)
    table_->NameOutput(outputs[0], reuse.output_generation, outputs_[0]);
}

size_t AneProgram::LeadingBytes(const InputReuse& reuse) {
  const Port& first = ports_.outputs[0];
  if (!reuse.leading_rows || outputs_.size() > 1) return first.bytes();
  const size_t leading = std::min(first.bytes(), *reuse.leading_rows * first.row_bytes());
  if (leading < first.bytes() && prefetcher_ == nullptr) prefetcher_ = options_.prefetcher();
  return leading;
}

void AneProgram::FreeOutput() {
  if (read_ == nullptr) return;
  if (prefetcher_->IsLastRead(read_.get())) {
    // Otherwise an evaluation of another program came between.
    if (spare_ == nullptr) spare_ = std::make_shared<IoSurface>(outputs_[0]->bytes());
    std::swap(outputs_[0], spare_);
    std::swap(read_, spare_read_);
  }
  if (const std::shared_ptr<ane::Prefetch> read = std::exchange(read_, nullptr)) read->Wait();
}

void AneProgram::Run(const std::shared_ptr<IoSurface>& first, const void* const* inputs, void* const* outputs,
                     size_t leading) {
  for (size_t i = 1; i < inputs_.size(); ++i) {
    const size_t bytes = ports_.inputs[i].bytes();
    inputs_[i]->Write(inputs[i], bytes);
    copied_.in += bytes;
  }
  staged_->model().Evaluate(RequestOver(first).get(), options_.path);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const size_t bytes = ports_.outputs[i].bytes();
    size_t begin = 0;
    copied_.out += bytes;
    if (leading < bytes && prefetcher_ != nullptr) {
      if (leading > 0) outputs_[i]->Read(outputs[i], leading);
      begin = leading;
      read_ = prefetcher_->BeginRead(outputs_[i], begin, static_cast<uint8_t*>(outputs[i]) + begin, bytes - begin);
      pending_ = read_;
      if (read_ != nullptr) {
        copied_.pending += bytes - begin;
        continue;
      }
    }
    outputs_[i]->Read(static_cast<uint8_t*>(outputs[i]) + begin, bytes - begin, begin);
  }
}

}  // namespace mayfly::ane
