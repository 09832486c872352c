#include "ane/ane_device.h"

#include <cstdio>
#include <mutex>
#include <optional>

#include "ane/ane_program.h"
#include "ane/canary.h"
#include "ane/chip.h"
#include "ane/framework.h"
#include "ane/settings.h"
#include "ane/staged_name.h"
#include "ane/staging.h"
#include "error.h"

namespace mayfly {
namespace ane {
namespace {

// Of a program that the compiler took: canaries are written in it, too.
Dialect DialectOf(std::string_view text) {
  const std::string older = std::string("<") + NameOf(Dialect::kIos16) + ">";
  return text.find(older) == std::string_view::npos ? Dialect::kIos18 : Dialect::kIos16;
}

class AneDevice : public Device {
 public:
  AneDevice() : settings_(Settings::FromEnvironment()) {
    options_.surfaces = SurfaceRulesFor(ChipName());
    options_.quality_of_service = settings_.quality_of_service;
    RemoveAbandonedDirectories();
    if (settings_.api == Api::kClient) {
      ProveClient(settings_.dialect, options_);
      options_.api = Api::kClient;
    }
    if (settings_.path == EvaluationPath::kDirect) {
      ProveDirectPath(CanaryDialect(), options_);
      options_.path = EvaluationPath::kDirect;
    }
    if (settings_.reload) {
      const bool in_effect = ReloadIsInEffect(CanaryDialect(), options_);
      options_.park = std::make_shared<ModelPark>();
      if (!in_effect) options_.park->Close("a canary gave the same result after a reload");
    }
    options_.port_orders = [this] { return Orders(); };
    options_.shared_surfaces = [this] { return SharedSurfaces(); };
    options_.prefetcher = [this] { return ThePrefetcher(); };
  }

  const char* name() const override { return "ane"; }
  const char* api() const override { return NameOf(options_.api); }
  size_t shared_bytes() const override { return surfaces_->bytes(); }

  std::unique_ptr<Program> Compile(std::string_view text, const std::vector<mil::WeightFile>& weights,
                                   const CompileOptions& given) override {
    CheckStagedNames(weights);
    if (!given.function.empty() && given.function != "main") {
      throw Error("ERR_MIL_UNSUPPORTED",
                  "Expected function main, which is the one that the engine runs, got " + given.function);
    }
    ProgramPorts ports = given.unchecked ? UncheckedPortsOf(text) : PortsOf(text, weights);
    if (ports.outputs.size() > 2) RequireManyOutputs();
    std::vector<std::string> warnings = std::move(ports.warnings);
    auto program = std::make_unique<AneProgram>(text, weights, std::move(ports), options_);
    program->set_warnings(std::move(warnings));
    const std::lock_guard<std::recursive_mutex> lock(canary_mutex_);
    if (!settings_.dialect) settings_.dialect = DialectOf(text);
    return program;
  }

 private:
  // Call with the lock.
  Dialect CanaryDialect() {
    if (!settings_.dialect) settings_.dialect = ProbeDialect(options_);
    return *settings_.dialect;
  }

  // Found by a canary when the first program with several ports does not give their order.
  PortOrders Orders() {
    const std::lock_guard<std::recursive_mutex> lock(canary_mutex_);
    if (!orders_) orders_ = ProbePortOrders(CanaryDialect(), options_);
    return *orders_;
  }

  // Found by a canary when a caller first says what may be reused. Null: each program has its own.
  std::shared_ptr<SurfaceTable> SharedSurfaces() {
    const std::lock_guard<std::recursive_mutex> lock(canary_mutex_);
    if (!settings_.shares_surfaces) settings_.shares_surfaces = SharesSurfaces();
    return *settings_.shares_surfaces ? surfaces_ : nullptr;
  }

  bool SharesSurfaces() {
    ProgramOptions canary = options_;
    canary.park = nullptr;
    try {
      ProveSharedSurfaces(CanaryDialect(), canary);
      return true;
    } catch (const Error& error) {
      if (error.code() == "ERR_DEVICE_LIMIT") throw;
      std::fprintf(stderr, "mayfly: programs of device ane have surfaces of their own: %s\n", error.what());
      return false;
    }
  }

  // Found by a canary when a caller first wants it. Null: evaluations copy what they read.
  std::shared_ptr<Prefetcher> ThePrefetcher() {
    const std::lock_guard<std::recursive_mutex> lock(canary_mutex_);
    if (!settings_.prefetches) settings_.prefetches = Prefetches();
    return *settings_.prefetches ? prefetcher_ : nullptr;
  }

  bool Prefetches() {
    ProgramOptions canary = options_;
    canary.park = nullptr;
    try {
      ProvePrefetch(CanaryDialect(), canary);
      return true;
    } catch (const Error& error) {
      if (error.code() == "ERR_DEVICE_LIMIT") throw;
      std::fprintf(stderr, "mayfly: device ane prefetches no inputs: %s\n", error.what());
      return false;
    }
  }

  // Asks a canary before the first program with more than two outputs, which on some systems get wrong values.
  void RequireManyOutputs() {
    const std::lock_guard<std::recursive_mutex> lock(canary_mutex_);
    if (many_outputs_) return;
    ProveManyOutputs(CanaryDialect(), options_);
    many_outputs_ = true;
  }

  Settings settings_;
  ProgramOptions options_;
  // One canary may ask for the result of another.
  std::recursive_mutex canary_mutex_;
  std::optional<PortOrders> orders_;
  // Before the programs, which may outlive the canaries.
  const std::shared_ptr<SurfaceTable> surfaces_ = std::make_shared<SurfaceTable>();
  const std::shared_ptr<Prefetcher> prefetcher_ = std::make_shared<Prefetcher>();
  bool many_outputs_ = false;
};

}  // namespace
}  // namespace ane

std::unique_ptr<Device> OpenAneDevice() {
  const Availability availability = AneAvailability();
  if (!availability.available) throw Error("ERR_DEVICE_UNAVAILABLE", availability.reason);
  return std::make_unique<ane::AneDevice>();
}

Availability AneAvailability() {
  const ane::FrameworkProbe probe = ane::ProbeFramework();
  if (!probe.unavailable.empty()) return {false, probe.unavailable};
  const std::string missing = probe.FirstMissing(ane::Capability::kCore);
  if (!missing.empty())
    return {false, "Expected " + missing + " in AppleNeuralEngine.framework for device ane, got none"};
  if (ane::HasEngine()) return {true, ""};
  return {
      false,
      "Expected a Neural Engine in this machine for device ane, got none (an Intel processor, or a virtual machine)"};
}

}  // namespace mayfly
