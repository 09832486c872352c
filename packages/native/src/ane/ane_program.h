// A program loaded on the Neural Engine, with its surfaces and requests.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ane/io_surface.h"
#include "ane/model.h"
#include "ane/model_park.h"
#include "ane/program_ports.h"
#include "ane/request.h"
#include "ane/staged_model.h"
#include "device/device.h"

namespace mayfly::ane {

struct ProgramOptions {
  SurfaceRules surfaces;
  EvaluationPath path = EvaluationPath::kStandard;
  // Whether to read the order of several ports from the loaded program.
  bool reads_attributes = true;
  // Asked for programs with several inputs or outputs, if the loaded program does not give their order.
  std::function<PortOrders()> port_orders = [] { return PortOrders(); };
  // Whether the program shares nothing with others of the same text and weights. So it is for every program with a
  // park.
  bool unique = false;
  Api api = Api::kInMemory;
  unsigned quality_of_service = kQualityOfService;
  // Keeps programs with weights when they are unloaded, to load them again. Null: they are compiled each time.
  std::shared_ptr<ModelPark> park;
};

class AneProgram : public Program {
 public:
  // Stages, compiles and loads. Throws ERR_ANE_STAGING, ERR_ANE_COMPILE, ERR_ANE_LOAD, ERR_DEVICE_LIMIT, …
  AneProgram(std::string_view text, const std::vector<mil::WeightFile>& weights, ProgramPorts ports,
             const ProgramOptions& options);
  // Unloads, and parks the model if there is a park.
  ~AneProgram() override;

  const std::vector<Port>& inputs() const override { return ports_.inputs; }
  const std::vector<Port>& outputs() const override { return ports_.outputs; }
  size_t resident_bytes() const override { return resident_bytes_; }
  void Evaluate(const void* const* inputs, void* const* outputs) override;
  // Keeps a surface for each input pointer, so that only the fresh columns of an unchanged generation are copied.
  void EvaluateFresh(const void* const* inputs, void* const* outputs, const InputReuse& reuse) override;

  CopiedBytes copied() const override { return copied_; }
  int compilations() const override { return compilations_; }

  // Whether the loaded program gave the order of its ports.
  bool lists_ports() const { return lists_ports_; }

  void set_path(EvaluationPath path) { options_.path = path; }

 private:
  struct Binding {
    std::vector<IoSurface> inputs;
    Owned request;
    uint64_t generation = 0;
  };

  // Whether a parked model of this text took the weights.
  bool LoadParked(const std::vector<mil::WeightFile>& weights);
  // Finds the order of the ports of the loaded program, and makes the request for evaluations that reuse nothing.
  void Bind();
  // A hash of the weights, and one of the results for a fixed input.
  Fingerprint Measure(const std::vector<mil::WeightFile>& weights);
  Binding& BindingOf(const void* key);
  void DropBindings();
  void Write(Binding* binding, size_t input, const void* from);
  void Run(const Binding& binding, void* const* outputs);

  const std::string text_;
  ProgramPorts ports_;
  ProgramOptions options_;
  std::unique_ptr<StagedModel> staged_;
  // The port of each surface of a request.
  std::vector<size_t> input_order_;
  std::vector<size_t> output_order_;
  bool lists_ports_ = false;
  Fingerprint fingerprint_;
  int compilations_ = 0;
  size_t resident_bytes_ = 0;
  CopiedBytes copied_;
  // Shared by all bindings: results are read before the next evaluation.
  std::vector<IoSurface> outputs_;
  // By the pointer of the first input. Null is the key for evaluations that reuse nothing.
  std::map<const void*, Binding> bindings_;
};

}  // namespace mayfly::ane
