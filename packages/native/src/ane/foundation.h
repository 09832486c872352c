// Conversions between C++ and Foundation. Unless a function returns Owned, its result belongs to the innermost
// AutoreleasePool; keep it with Owned::Retain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ane/objc_runtime.h"

namespace mayfly::ane {

Id String(const std::string& utf8);
// A copy of the bytes.
Id Data(const void* bytes, size_t count);
Id Number(uint64_t value);
Id Array(const std::vector<Id>& elements);
// An object even if it is empty, since the framework takes nil for a failure.
Id Dictionary(const std::vector<std::pair<Id, Id>>& entries = {});

// The value of a string as key; nil if a dictionary has none.
Id Find(Id dictionary, const std::string& key);
std::string Utf8(Id string);
// With or without a slash at the end, as the system returns it.
std::string TemporaryDirectory();

// The parts of an NSError and of its underlying errors.
struct ErrorReport {
  std::string domain;
  int64_t code = 0;
  std::string text;
  // Of errors of macOS 27: the driver's status, and the stage of loading.
  std::optional<uint64_t> status;
  std::optional<uint64_t> stage;
  std::vector<ErrorReport> underlying;
};

// The lower 32 bits: 0x1d.
std::string Hexadecimal(uint64_t code);

// Empty for nil.
std::optional<ErrorReport> ReportOf(Id error);

// `domain code 22: text [status 0x1, stage 4] ← domain code 5: …`.
std::string ToString(const ErrorReport& report);

}  // namespace mayfly::ane
