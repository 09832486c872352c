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

// The error of a method that returned NO or nil. `compilations` counts those of this process, this one included.
Error FailureOf(Phase phase, const std::optional<ErrorReport>& report, int compilations);

}  // namespace mayfly::ane
