// Answers of the machine that no table gives: each compiles and runs a canary program. A compilation counts towards the
// limit of this process, so every answer is asked for once at most, and only when it is needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ane/ane_program.h"
#include "ane/dialect.h"

namespace mayfly::ane {

// The first dialect, ios18 before ios16, in which a canary compiles. Throws the compiler's last error if none does.
Dialect ProbeDialect(const ProgramOptions& options);

struct PortOrders {
  PortOrder inputs;
  PortOrder outputs;
};

// How several inputs and outputs bind. Throws ERR_ANE_PORTS if the engine refuses them or no known order explains the
// result.
PortOrders ProbePortOrders(Dialect dialect, const ProgramOptions& options);

// Evaluates a canary on `path`. Throws ERR_ANE_PATH if it does not give the right result.
void ProvePath(Dialect dialect, const ProgramOptions& options, EvaluationPath path);

// Whether weight files that are replaced between unload and load are in effect afterwards. Throws what compiling
// throws.
bool ReloadIsInEffect(Dialect dialect, const ProgramOptions& options);

// The nanoseconds that the hardware says a canary took. Throws ERR_ANE_STATISTICS if it says nothing, or more than the
// clock.
uint64_t ProveStatistics(Dialect dialect, const ProgramOptions& options);

struct CanaryReport {
  std::string name;
  // What was found: "ios18", "declared", "works", "no effect", or the error.
  std::string outcome;
  bool ok;
};

// All of them, for `mayfly doctor`: round trip, dialect, port orders, evaluation paths, compiled-model reuse, weight
// reload, hardware time. Never throws; needs about ten compilations.
std::vector<CanaryReport> RunCanaries(const ProgramOptions& options);

}  // namespace mayfly::ane
