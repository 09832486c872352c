#include "ane/ane_device.h"

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
  }

  const char* name() const override { return "ane"; }
  const char* api() const override { return NameOf(options_.api); }

  std::unique_ptr<Program> Compile(std::string_view text, const std::vector<mil::WeightFile>& weights) override {
    CheckStagedNames(weights);
    ProgramPorts ports = PortsOf(text, weights);
    ProgramOptions options = options_;
    if (ports.inputs.size() > 1 || ports.outputs.size() > 1) {
      const PortOrders orders = Orders();
      options.input_order = orders.inputs;
      options.output_order = orders.outputs;
    }
    return std::make_unique<AneProgram>(text, weights, std::move(ports), options);
  }

 private:
  Dialect CanaryDialect() {
    if (!settings_.dialect) settings_.dialect = ProbeDialect(options_);
    return *settings_.dialect;
  }

  // Found by a canary when the first program with several ports is compiled.
  PortOrders Orders() {
    const std::lock_guard<std::mutex> lock(orders_mutex_);
    if (!orders_) orders_ = ProbePortOrders(CanaryDialect(), options_);
    return *orders_;
  }

  Settings settings_;
  ProgramOptions options_;
  std::mutex orders_mutex_;
  std::optional<PortOrders> orders_;
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
