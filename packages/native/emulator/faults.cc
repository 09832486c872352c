#include "faults.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <sstream>

namespace mayfly::emulator {
namespace {

struct Plan {
  // By `phase@number` or `phase@*`.
  std::map<std::string, std::string> faults;

  Plan() {
    const char* text = std::getenv("MAYFLY_EMULATOR_FAULTS");
    std::istringstream entries(text == nullptr ? "" : text);
    for (std::string entry; std::getline(entries, entry, ',');) {
      const size_t equals = entry.find('=');
      if (equals == std::string::npos || entry.find('@') > equals) {
        std::fprintf(stderr, "emulator: expected phase@number=fault, got %s\n", entry.c_str());
        std::abort();
      }
      faults[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
  }
};

std::mutex mutex;

std::map<std::string, long>& Counts() {
  // Never destroyed: the report reads it after static objects are destroyed.
  static auto* const counts = new std::map<std::string, long>();
  return *counts;
}

Fault Parse(const std::string& text) {
  if (text == "error:nil") return {FaultKind::kNilError};
  if (text.rfind("error:", 0) == 0) {
    char* end = nullptr;
    const long code = std::strtol(text.c_str() + 6, &end, 0);
    return {FaultKind::kError, code, *end == 0 ? "" : text.substr(6)};
  }
  if (text == "exception") return {FaultKind::kException};
  if (text == "zeros") return {FaultKind::kZeros};
  if (text == "crash") std::abort();
  if (text == "hang") {
    for (;;) pause();
  }
  std::fprintf(stderr, "emulator: expected a fault, got %s\n", text.c_str());
  std::abort();
}

}  // namespace

Fault NextFault(const std::string& phase) {
  static const Plan plan;
  std::string found;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    const long number = ++Counts()[phase];
    for (const std::string& key : {phase + "@" + std::to_string(number), phase + "@*"}) {
      const auto fault = plan.faults.find(key);
      if (found.empty() && fault != plan.faults.end()) found = fault->second;
    }
  }
  return found.empty() ? Fault() : Parse(found);
}

long CountOf(const std::string& phase) {
  const std::lock_guard<std::mutex> lock(mutex);
  return Counts()[phase];
}

}  // namespace mayfly::emulator
