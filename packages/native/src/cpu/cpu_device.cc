#include "cpu/cpu_device.h"

#include <utility>

#include "cpu/plan.h"
#include "error.h"

namespace mayfly {
namespace {

class CpuProgram : public Program {
 public:
  CpuProgram(const mil::TypedProgram& program, std::shared_ptr<cpu::Engine> engine) : engine_(std::move(engine)) {
    for (mil::ValueId value : program.parameters) inputs_.push_back(PortOf(program.values[static_cast<size_t>(value)]));
    for (mil::ValueId value : program.returns) outputs_.push_back(PortOf(program.values[static_cast<size_t>(value)]));
    plan_ = cpu::MakePlan(program, engine_.get());
    set_warnings(program.warnings);
  }

  const std::vector<Port>& inputs() const override { return inputs_; }
  const std::vector<Port>& outputs() const override { return outputs_; }
  size_t resident_bytes() const override { return plan_.buffers.constant_bytes(); }
  size_t shared_bytes() const override { return plan_.buffers.scratch_bytes(); }

  void Evaluate(const void* const* inputs, void* const* outputs) override {
    const cpu::Buffers buffers = plan_.buffers.Bind(inputs, outputs);
    for (const auto& node : plan_.nodes) node->Run(buffers, &engine_->pool);
  }

 private:
  static Port PortOf(const mil::Value& value) {
    return {value.name, mil::AsDType(value.type.element), value.type.shape};
  }

  std::shared_ptr<cpu::Engine> engine_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  cpu::Plan plan_;
};

class CpuDevice : public Device {
 public:
  explicit CpuDevice(const DeviceOptions& options)
      : engine_(std::make_shared<cpu::Engine>(options.threads, options.precision)) {}

  const char* name() const override { return "cpu"; }
  size_t shared_bytes() const override { return engine_->scratch.bytes(); }

  std::unique_ptr<Program> Compile(std::string_view text, const std::vector<mil::WeightFile>& weights,
                                   const CompileOptions& options) override {
    return CompileOnCpu(ReadProgram(text, weights, options, name()), engine_);
  }

 private:
  std::shared_ptr<cpu::Engine> engine_;
};

}  // namespace

mil::TypedProgram ReadProgram(std::string_view text, const std::vector<mil::WeightFile>& weights,
                              const CompileOptions& options, const char* device) {
  if (options.unchecked) {
    throw Error("ERR_INVALID_ARGUMENT", std::string("Expected unchecked to be false on device ") + device +
                                            ", which computes what the text says, got true");
  }
  return mil::CheckProgram(text, weights, options.function);
}

std::unique_ptr<Program> CompileOnCpu(const mil::TypedProgram& program, std::shared_ptr<cpu::Engine> engine) {
  return std::make_unique<CpuProgram>(program, std::move(engine));
}

std::unique_ptr<Device> OpenCpuDevice(const DeviceOptions& options) { return std::make_unique<CpuDevice>(options); }

}  // namespace mayfly
