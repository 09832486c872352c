// Foundation's values as this addon needs them. Unless it says Owned, what a function returns belongs to the innermost
// AutoreleasePool: keep it with Owned::Retain.
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
// An empty one is an object, too: the framework takes nil for a failure.
Id Dictionary(const std::vector<std::pair<Id, Id>>& entries = {});

std::string Utf8(Id string);
// With a slash at the end or not, as the system gives it.
std::string TemporaryDirectory();

// What an NSError says, with those beneath it.
struct ErrorReport {
  std::string domain;
  int64_t code = 0;
  std::string text;
  std::vector<ErrorReport> underlying;
};

// Nothing for nil.
std::optional<ErrorReport> ReportOf(Id error);

// `domain code 22: text ← domain code 5: …`.
std::string ToString(const ErrorReport& report);

}  // namespace mayfly::ane
