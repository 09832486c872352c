// What the framework's failures mean: each becomes a typed error with domain, code, text and our reading of it.
#pragma once

#include <optional>
#include <string>

#include "ane/foundation.h"
#include "error.h"

namespace mayfly::ane {

enum class Phase { kDescribe, kCompile, kLoad, kEvaluate, kUnload };

// Compilations from which on a compiler failure without a reason is taken for the compiler's limit. Reports put the
// limit at 119 to 132 in one process, where there is one.
constexpr int kSuspectCompilations = 100;

// The error of a method that returned NO or nil. `compilations`: those of this process so far, this one included.
Error FailureOf(Phase phase, const std::optional<ErrorReport>& report, int compilations);

}  // namespace mayfly::ane
