#include "engine_options.h"

#include <cstdlib>

#include "engine.h"

namespace mayfly::emulator {
namespace {

std::string Variable(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value == nullptr ? fallback : value;
}

}  // namespace

const EngineOptions& EngineOptions::Get() {
  // Never destroyed: the report reads it after static objects are destroyed.
  static const auto* const options = [] {
    EngineOptions o;
    o.compile_limit = std::stol(Variable("MAYFLY_EMULATOR_COMPILE_LIMIT", "119"));
    o.live_limit = std::stol(Variable("MAYFLY_EMULATOR_LIVE_LIMIT", "127"));
    o.chip = Variable("MAYFLY_EMULATOR_CHIP", "h16");
    o.dialect = Variable("MAYFLY_EMULATOR_DIALECT", "");
    const std::string ports = Variable("MAYFLY_EMULATOR_PORTS", "alphabetical");
    o.ports = ports == "single" ? Ports::kSingle : ports == "declared" ? Ports::kDeclared : Ports::kAlphabetical;
    const std::string reload = Variable("MAYFLY_EMULATOR_RELOAD", "stale");
    o.reload = reload == "files" ? Reload::kFiles : reload == "first" ? Reload::kFirst : Reload::kStale;
    o.has_attributes = Variable("MAYFLY_EMULATOR_ATTRIBUTES", "") != "none";
    o.outputs = std::stol(Variable("MAYFLY_EMULATOR_OUTPUTS", "1000000"));
    o.single_file = Variable("MAYFLY_EMULATOR_BUNDLE", "") == "single";
    o.identity_of_text = Variable("MAYFLY_EMULATOR_IDENTITY", "") == "text";
    o.unload_keeps = Variable("MAYFLY_EMULATOR_UNLOAD", "") == "keep";
    o.compile_milliseconds = std::stol(Variable("MAYFLY_EMULATOR_COMPILE_MS", "0"));
    if (const char* identifier = std::getenv("MAYFLY_EMULATOR_IDENTIFIER")) o.identifier = identifier;
    o.wide = Variable("MAYFLY_EMULATOR_WIDE", "");
    o.missing = "," + Variable("MAYFLY_EMULATOR_MISSING", "") + ",";
    o.refused = sim::ParseRefusedPatterns(Variable("MAYFLY_EMULATOR_REFUSE", ""));
    o.counts = Variable("MAYFLY_EMULATOR_COUNT", "") == "1";
    o.surfaces_are_shared = Variable("MAYFLY_EMULATOR_SURFACES", "") != "unshared";
    o.one_thread_locks = Variable("MAYFLY_EMULATOR_LOCKS", "") == "evaluating";
    o.report = Variable("MAYFLY_EMULATOR_REPORT", "");
    return new EngineOptions(o);
  }();
  return *options;
}

}  // namespace mayfly::emulator

extern "C" const char* EngineChip(void) { return mayfly::emulator::EngineOptions::Get().chip.c_str(); }

extern "C" int EngineIsPresent(void) { return mayfly::emulator::EngineOptions::Get().chip != "none"; }

extern "C" int EngineWidens(const char* selector) { return mayfly::emulator::EngineOptions::Get().wide == selector; }

extern "C" int EngineLacks(const char* name) {
  return mayfly::emulator::EngineOptions::Get().missing.find("," + std::string(name) + ",") != std::string::npos;
}

extern "C" const char* EngineTemporaryDirectory(void) {
  const char* named = std::getenv("MAYFLY_EMULATOR_TEMPORARY");
  return named == nullptr || *named == 0 ? nullptr : named;
}
