// Questions that only the machine can answer, each by compiling and running a canary program. A compilation counts
// towards the limit of this process, so each question is asked at most once, and only when its answer is needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ane/ane_program.h"
#include "ane/dialect.h"

namespace mayfly::ane {

// The first dialect, ios18 before ios16, in which a canary compiles. Throws the compiler's last error if none does.
Dialect ProbeDialect(const ProgramOptions& options);

// Compiles canaries through the client, evaluates them, and connects to one that is compiled already. Throws
// ERR_ANE_PATH if a method is missing or a result is wrong.
void ProveClient(std::optional<Dialect> dialect, const ProgramOptions& options);

// The order in which several inputs and outputs are bound. Throws ERR_ANE_PORTS if the engine refuses them, or if no
// known order explains the result.
PortOrders ProbePortOrders(Dialect dialect, const ProgramOptions& options);

// Throws ERR_ANE_PORTS if a program with three outputs does not give the right results.
void ProveManyOutputs(Dialect dialect, const ProgramOptions& options);

// Whether two programs that are loaded at once, with equal texts and other weights, keep their own results. Throws the
// errors of compiling.
bool WeightsAreOwn(Dialect dialect, const ProgramOptions& options);

// Evaluates a canary on the direct path. Throws ERR_ANE_PATH if it does not give the right result.
void ProveDirectPath(Dialect dialect, const ProgramOptions& options);

// Throws ERR_ANE_PATH if two programs cannot read one input surface, or one the output surface of another.
void ProveSharedSurfaces(Dialect dialect, const ProgramOptions& options);

// Throws ERR_ANE_PATH if inputs or outputs cannot be copied while the engine evaluates another program.
void ProvePrefetch(Dialect dialect, const ProgramOptions& options);

// Whether weight files that were replaced between unload and load take effect. Throws the errors of compiling.
bool ReloadIsInEffect(Dialect dialect, const ProgramOptions& options);

struct CanaryReport {
  std::string name;
  // The answer: "ios18", "declared", "works", "no effect", or the error.
  std::string outcome;
  bool ok;
};

// Asks all questions, for `mayfly doctor`: dialect, round trip, weights of equal programs, weight files, ports, the
// client, direct evaluation, shared surfaces, copies beside evaluations, reload of weights. Never throws; needs about
// 19 compilations.
std::vector<CanaryReport> RunCanaries(const ProgramOptions& options);

}  // namespace mayfly::ane
