#include "ane/failure.h"

#include <cctype>

namespace mayfly::ane {
namespace {

// What a failure says of the program that met it.
enum class Blame {
  // Nothing for certain: as the phase.
  kUnclear,
  // The program would be refused in any process.
  kProgram,
  // A limit of this process or machine, as in Error::limit().
  kLivePrograms,
  kAnyLimit,
  // A limit of loaded programs if this process has many of them, otherwise the program.
  kMemory,
};

struct Reading {
  // A part of an error's text, with the framework's case, or the error's code or status in hexadecimal.
  const char* sign;
  const char* meaning;
  Blame blame = Blame::kUnclear;
  // Whether it is a status of this phase only: NSErrors of other phases have small codes, too (the compiler's 22 is
  // 0x16). NSErrors of this one have codes below 16.
  std::optional<Phase> phase = {};
};

// The most specific patterns come first. Sources: docs/internals/ane.md, "Failures".
constexpr Reading kReadings[] = {
    {"cycle path",
     "the compiler cannot order the program's operations: it has too many values that several products share"},
    {"verifyBundleAtPath",
     "the compiler found other files than it was promised: on macOS 27 a program may have only one weight file",
     Blame::kProgram},
    {"InvalidMILProgram",
     "the compiler rejected the MIL text, or a weight file is missing or its BLOBFILE offset is not that of a record"},
    {"CompilationFailure",
     "the compiler rejected the program: an operation, shape or type this chip has no lowering for"},
    {"must re-compile", "too many programs are loaded in this process", Blame::kLivePrograms},
    {"no memory", "the engine has no memory for the program", Blame::kMemory, Phase::kLoad},
    {"0xe00002be", "kIOReturnNoResources: queue slots or program slots are exhausted", Blame::kAnyLimit},
    {"0xe00002e2", "not entitled to this path"},
    {"0xe00002c2", "kIOReturnBadArgument: a surface or an index of the request is not what the program expects"},
    {"0x50004", "no program slot is free: too many programs are loaded on this machine or in this process",
     Blame::kLivePrograms},
    {"0x20004", "the program could not be created: weights too large for one bank, or the service is not ready"},
    {"0x1d", "the request was refused: surface count, sizes or order, or an earlier program that poisoned this process",
     Blame::kUnclear, Phase::kEvaluate},
    {"0x16", "inference failed on the engine", Blame::kUnclear, Phase::kEvaluate},
    {"status=0x15", "inference failed on the engine, for a reason that no report explains", Blame::kUnclear,
     Phase::kEvaluate},
    {"0x12", "the request was cancelled, as when the engine changes its power state, or its surfaces were not mapped",
     Blame::kUnclear, Phase::kEvaluate},
    {"status=0xf", "the engine did not finish in time", Blame::kUnclear, Phase::kEvaluate},
    {"status=0xe", "the service does not have the program any more: it was restarted, or has unloaded it",
     Blame::kUnclear, Phase::kEvaluate},
    {"status=0x2", "the program has no such procedure", Blame::kUnclear, Phase::kEvaluate},
};

const char* CodeOf(Phase phase) {
  switch (phase) {
    case Phase::kDescribe:
    case Phase::kCompile: return "ERR_ANE_COMPILE";
    case Phase::kLoad: return "ERR_ANE_LOAD";
    case Phase::kEvaluate: return "ERR_ANE_EVALUATE";
    case Phase::kUnload: return "ERR_ANE_UNLOAD";
  }
  return "ERR_ANE_EVALUATE";
}

const char* NameOf(Phase phase) {
  switch (phase) {
    case Phase::kDescribe: return "describe";
    case Phase::kCompile: return "compile";
    case Phase::kLoad: return "load";
    case Phase::kEvaluate: return "evaluate";
    case Phase::kUnload: return "unload";
  }
  return "?";
}

// Finds whole numbers only: 0x1d is not in 0x1d04.
bool Contains(const std::string& text, const std::string& sign) {
  const bool is_number = sign.find("0x") != std::string::npos;
  for (size_t at = text.find(sign); at != std::string::npos; at = text.find(sign, at + 1)) {
    const size_t end = at + sign.size();
    if (!is_number || end == text.size() || std::isxdigit(static_cast<unsigned char>(text[end])) == 0) return true;
  }
  return false;
}

bool Shows(const ErrorReport& report, const std::string& sign) {
  if (Hexadecimal(static_cast<uint64_t>(report.code)) == sign || Contains(report.text, sign)) return true;
  if (report.status && Hexadecimal(*report.status) == sign) return true;
  for (const ErrorReport& underlying : report.underlying) {
    if (Shows(underlying, sign)) return true;
  }
  return false;
}

const Reading* ReadingOf(Phase phase, const ErrorReport& report) {
  for (const Reading& reading : kReadings) {
    if (reading.phase.value_or(phase) == phase && Shows(report, reading.sign)) return &reading;
  }
  return nullptr;
}

}  // namespace

Error FailureOf(Phase phase, const std::optional<ErrorReport>& report, const ProcessUse& use) {
  const Reading* reading = report ? ReadingOf(phase, *report) : nullptr;
  std::string message = std::string("Expected to ") + NameOf(phase) + " the program on the Neural Engine, got " +
                        (report ? ToString(*report) : "a failure without an error");
  if (reading == nullptr) {
    if (phase != Phase::kCompile || use.compilations < kSuspectCompilations) return Error(CodeOf(phase), message);
    message += " (compilation " + std::to_string(use.compilations) +
               " of this process: the compiler's limit of about 119 is the likely reason)";
    return Error::DeviceLimit("compilations", message);
  }
  message += std::string(" (") + reading->meaning;
  Blame blame = reading->blame;
  if (blame == Blame::kMemory) {
    blame = use.loaded >= kSuspectPrograms ? Blame::kLivePrograms : Blame::kProgram;
    message += ", with " + std::to_string(use.loaded) + " others loaded in this process";
  }
  message += ")";
  switch (blame) {
    case Blame::kLivePrograms: return Error::DeviceLimit("livePrograms", message);
    case Blame::kAnyLimit: return Error::DeviceLimit("", message);
    case Blame::kProgram: return Error("ERR_ANE_REFUSED", message);
    case Blame::kUnclear:
    case Blame::kMemory: break;
  }
  return Error(CodeOf(phase), message);
}

}  // namespace mayfly::ane
