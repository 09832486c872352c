// Faults to inject: MAYFLY_EMULATOR_FAULTS (engine.h).
#pragma once

#include <string>

namespace mayfly::emulator {

enum class FaultKind { kNone, kError, kNilError, kException, kZeros };

struct Fault {
  FaultKind kind = FaultKind::kNone;
  long code = 0;
  // Of an error that is not given by its code.
  std::string text = {};
};

// Counts one more `phase` of this process and returns the fault that is due. Hangs and crashes happen in this call.
Fault NextFault(const std::string& phase);
long CountOf(const std::string& phase);

}  // namespace mayfly::emulator
