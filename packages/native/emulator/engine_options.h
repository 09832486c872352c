// The engine's settings from the environment (engine.h).
#pragma once

#include <string>

namespace mayfly::emulator {

enum class Ports { kAlphabetical, kDeclared, kSingle };

struct EngineOptions {
  long compile_limit;
  long live_limit;
  std::string chip;
  std::string dialect;
  Ports ports;
  bool reload_files;
  std::string missing;
  std::string report;

  static const EngineOptions& Get();
};

}  // namespace mayfly::emulator
