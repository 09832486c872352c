// The engine's generation as the framework names it.
#pragma once

#include <string>

namespace mayfly::ane {

// aneSubType: h13 (M1), h14 (M2), h15 (M3), h16 (M4), h17 (M5), with a letter for the larger dies; empty if not told.
std::string ChipName();

// The framework is part of macOS on machines without an engine, too. True where it does not tell.
bool HasEngine();

}  // namespace mayfly::ane
