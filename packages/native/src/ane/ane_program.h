// A program loaded on the Neural Engine, with its surfaces and requests.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "ane/compiled_cache.h"
#include "ane/io_surface.h"
#include "ane/model.h"
#include "ane/program_ports.h"
#include "ane/request.h"
#include "ane/staging.h"
#include "device/device.h"

namespace mayfly::ane {

struct ProgramOptions {
  SurfaceRules surfaces;
  EvaluationPath path = EvaluationPath::kStandard;
  // Of programs with several inputs or outputs.
  PortOrder input_order = PortOrder::kDeclared;
  PortOrder output_order = PortOrder::kDeclared;
  const CompiledCache* cache = nullptr;
};

class AneProgram : public Program {
 public:
  // Stages, compiles and loads. Throws ERR_ANE_STAGING, ERR_ANE_COMPILE, ERR_ANE_LOAD, ERR_DEVICE_LIMIT, …
  AneProgram(std::string_view text, const std::vector<WeightFile>& weights, ProgramPorts ports,
             const ProgramOptions& options);

  const std::vector<Port>& inputs() const override { return ports_.inputs; }
  const std::vector<Port>& outputs() const override { return ports_.outputs; }
  size_t resident_bytes() const override { return resident_bytes_; }
  void Evaluate(const void* const* inputs, void* const* outputs) override;
  // Keeps a surface per input pointer, so that only the fresh columns of an unchanged generation are copied.
  void EvaluateFresh(const void* const* inputs, void* const* outputs, const InputPromise& promise) override;

  // Unload, replace weight files in the staged directory, load: whether the new weights are then in effect differs by
  // system, and only an evaluation shows it (canary.h).
  void ReloadWeights(const std::vector<WeightFile>& weights);
  void set_path(EvaluationPath path) { options_.path = path; }

 private:
  struct Binding {
    std::vector<IoSurface> inputs;
    Owned request;
    uint64_t generation = 0;
  };

  void CompileAndLoad();
  Binding& BindingOf(const void* key);
  void DropBindings();
  void Run(const Binding& binding, void* const* outputs);

  ProgramPorts ports_;
  ProgramOptions options_;
  // Outlives the model: unloading comes before removing.
  std::shared_ptr<StagedDirectory> directory_;
  Model model_;
  size_t resident_bytes_ = 0;
  // Shared by all bindings: results are read before the next evaluation.
  std::vector<IoSurface> outputs_;
  // By the pointer of the first input; null for evaluations that promise nothing.
  std::map<const void*, Binding> bindings_;
};

}  // namespace mayfly::ane
