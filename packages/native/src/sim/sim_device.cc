#include "sim/sim_device.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpu/cpu_device.h"
#include "error.h"
#include "sim/fault_injector.h"
#include "sim/numerics.h"

namespace mayfly::sim {
namespace {

constexpr size_t kLeakBytes = 256 << 10;
constexpr const char* kCompileFailure =
    "com.apple.appleneuralengine.compiler code 1: _ANECompiler : ANECCompile() FAILED";
constexpr const char* kLoadFailure = "Program load failure (0x20004)";
constexpr const char* kEvaluateFailure =
    "com.apple.appleneuralengine code 8: ANEProgramProcessRequestDirect() Failed with status=0x1d : statusType=0x9";

// Shared by a device and its programs.
struct State {
  explicit State(const Settings& given)
      : settings(given),
        seed(given.seed ? *given.seed : std::random_device()()),
        compile_faults(given.compile_faults, seed),
        evaluate_faults(given.evaluate_faults, seed + 1),
        unload_faults(given.unload_faults, seed + 2) {
    FaultInjector(given.open_faults, seed + 3).Next();
  }

  Error Refusal(const char* code, const char* phase, const std::string& got) const {
    return Error(code, Message(phase, got));
  }

  Error LimitReached(const char* limit, const char* phase, const std::string& got) const {
    return Error::DeviceLimit(limit, Message(phase, got));
  }

  // "Expected to load the program on sim:m4, got …".
  std::string Message(const char* phase, const std::string& got) const {
    return std::string("Expected to ") + phase + " the program on " + settings.name + ", got " + got;
  }

  const Settings settings;
  const uint64_t seed;
  FaultInjector compile_faults;
  FaultInjector evaluate_faults;
  FaultInjector unload_faults;
  // The memory that evaluations with the fault "leak" do not free.
  std::vector<std::string> leaked;
  uint64_t compilations = 0;
  uint64_t live_programs = 0;
  uint64_t bytes = 0;
};

// For each port, the index of the tensor that it gets when tensors are bound in alphabetical order of the ports' names.
std::vector<size_t> ByName(const std::vector<Port>& ports) {
  std::vector<size_t> sorted(ports.size());
  std::iota(sorted.begin(), sorted.end(), size_t{0});
  std::sort(sorted.begin(), sorted.end(), [&](size_t a, size_t b) { return ports[a].name < ports[b].name; });
  std::vector<size_t> order(ports.size());
  for (size_t rank = 0; rank < sorted.size(); ++rank) order[sorted[rank]] = rank;
  return order;
}

bool SizesAgree(const std::vector<Port>& ports, const std::vector<size_t>& order) {
  for (size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].bytes() != ports[order[i]].bytes()) return false;
  }
  return true;
}

class SimProgram : public Program {
 public:
  SimProgram(std::unique_ptr<Program> program, Verdict verdict, uint64_t bytes, std::shared_ptr<State> state)
      : program_(std::move(program)), verdict_(std::move(verdict)), bytes_(bytes), state_(std::move(state)) {
    if (verdict_.inputs_by_name) input_order_ = ByName(inputs());
    if (verdict_.outputs_by_name) output_order_ = ByName(outputs());
    const bool agree = (input_order_.empty() || SizesAgree(inputs(), input_order_)) &&
                       (output_order_.empty() || SizesAgree(outputs(), output_order_));
    if (!agree) verdict_.evaluate_error = kEvaluateFailure;
    ++state_->live_programs;
    state_->bytes += bytes_;
  }

  ~SimProgram() override {
    state_->unload_faults.Next();
    std::this_thread::sleep_for(std::chrono::milliseconds(state_->settings.teardown_milliseconds));
    --state_->live_programs;
    state_->bytes -= bytes_;
  }

  const std::vector<Port>& inputs() const override { return program_->inputs(); }
  const std::vector<Port>& outputs() const override { return program_->outputs(); }
  size_t resident_bytes() const override { return program_->resident_bytes(); }
  size_t shared_bytes() const override { return program_->shared_bytes(); }
  uint64_t compile_nanoseconds() const override { return state_->settings.clock ? verdict_.compile_nanoseconds : 0; }
  uint64_t evaluate_nanoseconds() const override { return state_->settings.clock ? verdict_.evaluate_nanoseconds : 0; }

  void Evaluate(const void* const* given_inputs, void* const* given_outputs) override {
    const std::optional<FaultKind> fault = state_->evaluate_faults.Next();
    if (fault == FaultKind::kError) throw state_->Refusal("ERR_ANE_EVALUATE", "evaluate", kEvaluateFailure);
    if (!verdict_.evaluate_error.empty())
      throw state_->Refusal("ERR_ANE_EVALUATE", "evaluate", verdict_.evaluate_error);
    if (fault == FaultKind::kLeak) state_->leaked.emplace_back(kLeakBytes, '\1');
    if (fault == FaultKind::kZeros || verdict_.zeros) {
      for (size_t i = 0; i < outputs().size(); ++i) std::memset(given_outputs[i], 0, outputs()[i].bytes());
      return;
    }
    std::vector<const void*> in(given_inputs, given_inputs + inputs().size());
    std::vector<void*> out(given_outputs, given_outputs + outputs().size());
    for (size_t i = 0; i < input_order_.size(); ++i) in[i] = given_inputs[input_order_[i]];
    for (size_t i = 0; i < output_order_.size(); ++i) out[i] = given_outputs[output_order_[i]];
    program_->Evaluate(in.data(), out.data());
  }

 private:
  std::unique_ptr<Program> program_;
  Verdict verdict_;
  uint64_t bytes_;
  std::shared_ptr<State> state_;
  std::vector<size_t> input_order_;
  std::vector<size_t> output_order_;
};

class SimDevice : public Device {
 public:
  SimDevice(const Settings& settings, int threads)
      : state_(std::make_shared<State>(settings)), engine_(std::make_shared<cpu::Engine>(threads, Precision::kExact)) {
    if (settings.numerics) engine_->product_floor = settings.numerics->product_floor.value_or(0);
  }

  const char* name() const override { return state_->settings.name.c_str(); }
  size_t shared_bytes() const override { return engine_->scratch.bytes(); }

  std::unique_ptr<Program> Compile(std::string_view text, const std::vector<mil::WeightFile>& weights,
                                   const CompileOptions& options) override {
    const Settings& settings = state_->settings;
    // As on every device, mistakes in the text are reported first, and cost no compilation.
    mil::TypedProgram typed = ReadProgram(text, weights, options, name());
    const std::optional<FaultKind> fault = state_->compile_faults.Next();
    if (++state_->compilations > settings.compilations) {
      throw state_->LimitReached("compilations", "compile",
                                 "a failure without an error (compilation " + std::to_string(state_->compilations) +
                                     " of this process: the compiler's limit of about 119 is the likely reason)");
    }
    if (fault == FaultKind::kError) {
      throw state_->Refusal("ERR_ANE_COMPILE", "compile", kCompileFailure);
    }
    Verdict verdict = settings.judge(text, options.function);
    if (!verdict.error_code.empty()) {
      throw state_->Refusal(verdict.error_code.c_str(), verdict.error_code == "ERR_ANE_LOAD" ? "load" : "compile",
                            verdict.error_message);
    }
    const std::optional<Refusal> refusal = RefusalOf(typed, settings.refused);
    if (refusal) ApplyRefusal(*refusal, &typed, &verdict);
    if (settings.numerics) ApplyNumerics(&typed, *settings.numerics);
    std::unique_ptr<Program> program = CompileOnCpu(typed, engine_);
    uint64_t bytes = 0;
    for (const mil::WeightFile& file : weights) bytes += file.bytes;
    ExpectRoom(bytes, fault == FaultKind::kLoad);
    auto simulated = std::make_unique<SimProgram>(std::move(program), std::move(verdict), bytes, state_);
    simulated->set_warnings(std::move(typed.warnings));
    return simulated;
  }

 private:
  void ExpectRoom(uint64_t bytes, bool refuse) const {
    const Settings& settings = state_->settings;
    if (state_->live_programs >= settings.live_programs) {
      throw state_->LimitReached("livePrograms", "load",
                                 "Program load failure (0x50004) (no program slot is free: " +
                                     std::to_string(state_->live_programs) + " programs are loaded)");
    }
    if (refuse || state_->bytes + bytes > settings.program_bytes) {
      throw state_->Refusal(
          "ERR_ANE_LOAD", "load",
          "Program load failure (0x20004) (weights too large for one bank, or the service is not ready)");
    }
  }

  void ApplyRefusal(const Refusal& refusal, mil::TypedProgram* program, Verdict* verdict) const {
    const std::string found = " (" + refusal.reason + ")";
    switch (refusal.at) {
      case RefusedAt::kCompile: throw state_->Refusal("ERR_ANE_COMPILE", "compile", kCompileFailure + found);
      case RefusedAt::kLoad: throw state_->Refusal("ERR_ANE_LOAD", "load", kLoadFailure + found);
      case RefusedAt::kEvaluate: verdict->evaluate_error = kEvaluateFailure + found; return;
      case RefusedAt::kZeros: verdict->zeros = true; return;
      case RefusedAt::kTable: {
        Numerics numerics;
        numerics.sigmoid_points = kCoarseTable;
        ApplyNumerics(program, numerics);
      }
    }
  }

  std::shared_ptr<State> state_;
  std::shared_ptr<cpu::Engine> engine_;
};

}  // namespace

std::unique_ptr<Device> OpenDevice(const Settings& settings, int threads) {
  return std::make_unique<SimDevice>(settings, threads);
}

}  // namespace mayfly::sim
