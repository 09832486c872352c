#include "ane/failure.h"

#include <cctype>
#include <cstdio>

namespace mayfly::ane {
namespace {

struct Reading {
  // A part of an error's text, with the framework's case, or the error's code in hexadecimal.
  const char* sign;
  const char* meaning;
  // The limit that is reached, as in Error::limit(). Null for other failures.
  const char* limit = nullptr;
  // Whether it is a status of this phase only: NSErrors of other phases have small codes, too (the compiler's 22 is
  // 0x16).
  std::optional<Phase> phase = {};
};

// The most specific patterns come first. Sources: docs/ane.md, "Failures".
constexpr Reading kReadings[] = {
    {"InvalidMILProgram",
     "the compiler rejected the MIL text, or a weight file is missing or its BLOBFILE offset is not that of a record"},
    {"CompilationFailure",
     "the compiler rejected the program: an operation, shape or type this chip has no lowering for"},
    {"must re-compile", "too many programs are loaded in this process", "livePrograms"},
    {"0xe00002be", "kIOReturnNoResources: queue slots or program slots are exhausted", ""},
    {"0xe00002e2", "not entitled to this path"},
    {"0xe00002c2", "kIOReturnBadArgument: a surface or an index of the request is not what the program expects"},
    {"0x50004", "no program slot is free: too many programs are loaded on this machine or in this process",
     "livePrograms"},
    {"0x20004", "the program could not be created: weights too large for one bank, or the service is not ready"},
    {"0x1d", "the request was refused: surface count, sizes or order, or an earlier program that poisoned this process",
     nullptr, Phase::kEvaluate},
    {"0x16", "inference failed on the engine", nullptr, Phase::kEvaluate},
    {"0x12", "the request's surfaces could not be mapped", nullptr, Phase::kEvaluate},
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

std::string Hexadecimal(int64_t code) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(code) & 0xffffffffull);
  return text;
}

// Finds whole numbers only: 0x1d is not in 0x1d04.
bool Contains(const std::string& text, const std::string& sign) {
  for (size_t at = text.find(sign); at != std::string::npos; at = text.find(sign, at + 1)) {
    const size_t end = at + sign.size();
    if (sign[0] != '0' || end == text.size() || std::isxdigit(static_cast<unsigned char>(text[end])) == 0) return true;
  }
  return false;
}

bool Shows(const ErrorReport& report, const std::string& sign) {
  if (Hexadecimal(report.code) == sign || Contains(report.text, sign)) return true;
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

Error FailureOf(Phase phase, const std::optional<ErrorReport>& report, int compilations) {
  const Reading* reading = report ? ReadingOf(phase, *report) : nullptr;
  std::string message = std::string("Expected to ") + NameOf(phase) + " the program on the Neural Engine, got " +
                        (report ? ToString(*report) : "a failure without an error");
  if (reading != nullptr) {
    message += std::string(" (") + reading->meaning + ")";
    if (reading->limit != nullptr) return Error::DeviceLimit(reading->limit, message);
  } else if (phase == Phase::kCompile && compilations >= kSuspectCompilations) {
    message += " (compilation " + std::to_string(compilations) +
               " of this process: the compiler's limit of about 119 is the likely reason)";
    return Error::DeviceLimit("compilations", message);
  }
  return Error(CodeOf(phase), message);
}

}  // namespace mayfly::ane
