// A program loaded on the Neural Engine, with its surfaces and requests.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ane/io_surface.h"
#include "ane/model.h"
#include "ane/model_park.h"
#include "ane/prefetcher.h"
#include "ane/program_ports.h"
#include "ane/request.h"
#include "ane/staged_model.h"
#include "ane/surface_table.h"
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
  // The surfaces that the programs of the device share; null where they may not. Asked when a caller first says what
  // may be reused. Default: each program has its own.
  std::function<std::shared_ptr<SurfaceTable>()> shared_surfaces = [] { return nullptr; };
  // Copies inputs beside evaluations; null where that is not allowed. Asked when a caller first wants it.
  std::function<std::shared_ptr<Prefetcher>()> prefetcher = [] { return nullptr; };
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
  size_t resident_bytes() const override;
  bool gathers() const override { return true; }
  void Evaluate(const void* const* inputs, void* const* outputs) override;
  // Of an input with a generation that a surface holds, copies only the fresh columns; of one that another program's
  // output surface holds, nothing.
  void EvaluateFresh(const void* const* inputs, void* const* outputs, const InputReuse& reuse) override;
  // Output rows after the leading ones are copied by the thread that prefetches, out of a second surface where that
  // thread may still copy what the evaluation before this one put out.
  std::shared_ptr<PendingOutput> TakePending() override { return std::exchange(pending_, nullptr); }
  void Prefetch(const void* input, const InputReuse& reuse) override;

  CopiedBytes copied() const override { return copied_; }
  int compilations() const override { return compilations_; }

  // Whether the loaded program gave the order of its ports.
  bool lists_ports() const { return lists_ports_; }

  void set_path(EvaluationPath path) { options_.path = path; }

 private:
  // Whether a parked model of this text took the weights.
  bool LoadParked(const std::vector<mil::WeightFile>& weights);
  // Finds the order of the ports of the loaded program.
  void Bind();
  // A hash of the weights, and one of the results for a fixed input.
  Fingerprint Measure(const std::vector<mil::WeightFile>& weights);
  // Finds the table of surfaces, if the call needs it.
  void NeedTable(const InputReuse& reuse);
  // Throws ERR_ARENA_BOUNDS for more fresh columns than the first input has.
  void CheckFresh(const InputReuse& reuse) const;
  // The output surface of another program that holds the first input; null if there is none.
  std::shared_ptr<IoSurface> MadeInput(const void* input, const InputReuse& reuse) const;
  // The surface into which the first input is copied.
  InputSurface* CopiedInput(const void* input, const InputReuse& reuse);
  // That of the first input, with its contents.
  std::shared_ptr<IoSurface> FirstInput(const void* input, const InputReuse& reuse);
  // The columns of the first input that are not fresh.
  RowCopy Reused(const void* input, const InputReuse& reuse) const;
  RowCopy Part(const InputPart& part) const;
  Contents ContentsOf(const InputReuse& reuse) const;
  // The request with `first` as the surface of the first input.
  const Owned& RequestOver(const std::shared_ptr<IoSurface>& first);
  // Waits until nobody reads the first output surface, or takes the other one.
  void FreeOutput();
  // Bytes of the first output that are copied at once.
  size_t LeadingBytes(const InputReuse& reuse);
  void Run(const std::shared_ptr<IoSurface>& first, const void* const* inputs, void* const* outputs, size_t leading);

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
  size_t weight_bytes_ = 0;
  size_t input_bytes_ = 0;
  CopiedBytes copied_;
  // Null until there is something to prefetch.
  std::shared_ptr<Prefetcher> prefetcher_;
  // Of the call under way; kept for its memory.
  std::vector<RowCopy> copies_;
  // Of the device, or its own where the device shares none. Null until a caller says what may be reused.
  std::shared_ptr<SurfaceTable> table_;
  bool owns_table_ = false;
  // One for each port, but for the first input. Results are read before the next evaluation.
  std::vector<std::shared_ptr<IoSurface>> outputs_;
  // The copies out of the first one that were left to another thread.
  std::shared_ptr<ane::Prefetch> read_;
  std::shared_ptr<PendingOutput> pending_;
  // The other surface of the first output, and the copies out of it; null while one is enough.
  std::shared_ptr<IoSurface> spare_;
  std::shared_ptr<ane::Prefetch> spare_read_;
  std::vector<std::shared_ptr<IoSurface>> inputs_;
  // For first inputs that reuse nothing; without a surface until there is one.
  InputSurface own_input_;
  struct BoundRequest {
    // Keeps the surface, whose address is part of the key.
    std::shared_ptr<IoSurface> first;
    Owned request;
  };
  // By the surfaces of the first input and the first output.
  std::map<std::pair<const IoSurface*, const IoSurface*>, BoundRequest> requests_;
};

}  // namespace mayfly::ane
