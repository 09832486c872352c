#include "cpu/cpu_device.h"

#include <utility>

#include "cpu/plan.h"

namespace mayfly {
namespace {

class CpuProgram : public Program {
 public:
  CpuProgram(const mil::TypedProgram& program, std::shared_ptr<ThreadPool> pool, Precision precision) : pool_(std::move(pool)) {
    for (mil::ValueId value : program.parameters) inputs_.push_back(PortOf(program.values[static_cast<size_t>(value)]));
    for (mil::ValueId value : program.returns) outputs_.push_back(PortOf(program.values[static_cast<size_t>(value)]));
    plan_ = cpu::MakePlan(program, pool_.get(), precision);
  }

  const std::vector<Port>& inputs() const override { return inputs_; }
  const std::vector<Port>& outputs() const override { return outputs_; }
  size_t resident_bytes() const override { return plan_.buffers.bytes(); }

  void Evaluate(const void* const* inputs, void* const* outputs) override {
    const cpu::Buffers buffers = plan_.buffers.Bind(inputs, outputs);
    for (const auto& node : plan_.nodes) node->Run(buffers, pool_.get());
  }

 private:
  static Port PortOf(const mil::Value& value) { return {value.name, mil::AsDType(value.type.element), value.type.shape}; }

  std::shared_ptr<ThreadPool> pool_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  cpu::Plan plan_;
};

class CpuDevice : public Device {
 public:
  explicit CpuDevice(const DeviceOptions& options)
      : pool_(std::make_shared<ThreadPool>(options.threads)), precision_(options.precision) {}

  const char* name() const override { return "cpu"; }

  std::unique_ptr<Program> Compile(std::string_view text, const std::vector<WeightFile>& weights) override {
    return CompileOnCpu(mil::CheckProgram(text, weights), pool_, precision_);
  }

 private:
  std::shared_ptr<ThreadPool> pool_;
  Precision precision_;
};

}  // namespace

std::unique_ptr<Program> CompileOnCpu(const mil::TypedProgram& program, std::shared_ptr<ThreadPool> pool, Precision precision) {
  return std::make_unique<CpuProgram>(program, std::move(pool), precision);
}

std::unique_ptr<Device> OpenCpuDevice(const DeviceOptions& options) { return std::make_unique<CpuDevice>(options); }

}  // namespace mayfly
