// Turns failures of the framework into typed errors with domain, code, text and a likely reason.
#pragma once

#include <optional>
#include <string>

#include "ane/foundation.h"
#include "error.h"

namespace mayfly::ane {

enum class Phase { kDescribe, kCompile, kLoad, kEvaluate, kUnload };

// From this number of compilations on, a compiler failure without a reason counts as the compiler's limit. Reports put
// the limit, where there is one, at 119 to 132 in a process.
constexpr int kSuspectCompilations = 100;
// From this number of loaded programs on, a lack of memory counts as the limit of loaded programs. Reports put it at
// 119 to 128 in a process; fewer programs have met this failure in a process that had loaded no other.
constexpr int kSuspectPrograms = 100;

// The use that this process makes of the engine.
struct ProcessUse {
  // Compilations that were tried, failed ones and the present one included.
  int compilations = 0;
  // Programs that are loaded.
  int loaded = 0;
};

// The error of a method that returned NO or nil.
Error FailureOf(Phase phase, const std::optional<ErrorReport>& report, const ProcessUse& use);

}  // namespace mayfly::ane
