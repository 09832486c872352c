// The engine's settings from the environment (engine.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/refusals.h"

namespace mayfly::emulator {

enum class Reload { kStale, kFiles, kFirst };
enum class Ports { kAlphabetical, kDeclared, kSingle };

struct EngineOptions {
  long compile_limit;
  long live_limit;
  std::string chip;
  std::string dialect;
  Ports ports;
  Reload reload;
  bool has_attributes;
  long outputs;
  bool single_file;
  bool identity_of_text;
  bool unload_keeps;
  long compile_milliseconds;
  std::optional<std::string> identifier;
  std::string wide;
  std::string missing;
  std::vector<sim::RefusedPattern> refused;
  bool counts;
  bool surfaces_are_shared;
  bool one_thread_locks;
  std::string report;

  static const EngineOptions& Get();
};

}  // namespace mayfly::emulator
