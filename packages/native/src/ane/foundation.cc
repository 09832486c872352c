#include "ane/foundation.h"

#include <cstdio>

namespace mayfly::ane {
namespace {

// The longest chain of underlying errors that is followed.
constexpr int kMaxUnderlying = 4;

Id ClassOf(const char* name) { return ObjcRuntime::Get().ClassNamed(name); }

std::optional<uint64_t> NumberAt(Id dictionary, const char* key) {
  const Id number = Find(dictionary, key);
  if (number == nullptr) return std::nullopt;
  return Send<unsigned long long>(number, "unsignedLongLongValue");
}

std::optional<ErrorReport> ReportAt(Id error, int depth) {
  if (error == nullptr) return std::nullopt;
  ErrorReport report;
  report.domain = Utf8(Send(error, "domain"));
  report.code = Send<long>(error, "code");
  report.text = Utf8(Send(error, "localizedDescription"));
  const Id info = Send(error, "userInfo");
  if (info == nullptr || depth == kMaxUnderlying) return report;
  report.status = NumberAt(info, "_ANEErrorUnderlyingStatus");
  report.stage = NumberAt(info, "_ANEErrorLoadStage");
  const Id key = *static_cast<Id*>(ObjcRuntime::Get().Symbol("NSUnderlyingErrorKey"));
  const Id beneath = Send(info, "objectForKey:", key);
  if (auto underlying = ReportAt(beneath, depth + 1)) report.underlying.push_back(*underlying);
  return report;
}

}  // namespace

Id String(const std::string& utf8) { return Send(ClassOf("NSString"), "stringWithUTF8String:", utf8.c_str()); }

Id Data(const void* bytes, size_t count) {
  return Send(ClassOf("NSData"), "dataWithBytes:length:", bytes, static_cast<unsigned long>(count));
}

Id Number(uint64_t value) {
  return Send(ClassOf("NSNumber"), "numberWithUnsignedLongLong:", static_cast<unsigned long long>(value));
}

Id Array(const std::vector<Id>& elements) {
  return Send(ClassOf("NSArray"), "arrayWithObjects:count:", elements.data(),
              static_cast<unsigned long>(elements.size()));
}

Id Dictionary(const std::vector<std::pair<Id, Id>>& entries) {
  std::vector<Id> keys;
  std::vector<Id> values;
  for (const auto& [key, value] : entries) {
    keys.push_back(key);
    values.push_back(value);
  }
  return Send(ClassOf("NSDictionary"), "dictionaryWithObjects:forKeys:count:", values.data(), keys.data(),
              static_cast<unsigned long>(entries.size()));
}

Id Find(Id dictionary, const std::string& key) { return Send(dictionary, "objectForKey:", String(key)); }

std::string Hexadecimal(uint64_t code) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(code) & 0xffffffffull);
  return text;
}

std::string Utf8(Id string) {
  if (string == nullptr) return "";
  const char* text = Send<const char*>(string, "UTF8String");
  return text == nullptr ? "" : text;
}

std::string TemporaryDirectory() {
  const auto directory = reinterpret_cast<Id (*)()>(ObjcRuntime::Get().Symbol("NSTemporaryDirectory"));
  return Utf8(directory());
}

std::optional<ErrorReport> ReportOf(Id error) { return ReportAt(error, 0); }

std::string ToString(const ErrorReport& report) {
  std::string text = report.domain + " code " + std::to_string(report.code);
  if (!report.text.empty()) text += ": " + report.text;
  if (report.status) text += " [status " + Hexadecimal(*report.status);
  if (report.stage) text += (report.status ? ", stage " : " [stage ") + std::to_string(*report.stage);
  if (report.status || report.stage) text += "]";
  for (const ErrorReport& underlying : report.underlying) text += " ← " + ToString(underlying);
  return text;
}

}  // namespace mayfly::ane
