// The engine of this machine, as the framework describes it.
#pragma once

#include <string>

namespace mayfly::ane {

// aneSubType: h13 (M1), h14 (M2), h15 (M3), h16 (M4), h17 (M5), with a letter for the larger dies; empty if unknown.
std::string ChipName();

// Whether there is an engine: macOS has the framework without one, too. True if the framework does not say.
bool HasEngine();

}  // namespace mayfly::ane
