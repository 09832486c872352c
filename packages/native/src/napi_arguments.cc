#include "napi_arguments.h"

#include "number_text.h"

namespace mayfly {
namespace {

// A limit from here on is a safeguard of ours; a message names it only to a caller who exceeds it.
constexpr uint64_t kUnmentioned = uint64_t{1} << 30;

std::string Describe(const Napi::Value& value) {
  if (value.IsString()) return "`" + value.As<Napi::String>().Utf8Value() + "` (string)";
  if (value.IsNumber()) return NumberText(value.As<Napi::Number>().DoubleValue(), 17) + " (number)";
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value() ? "true (boolean)" : "false (boolean)";
  if (value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (value.IsFunction()) return "a function";
  if (value.IsSymbol()) return "a symbol";
  if (value.IsBigInt()) return "a bigint";
  return "an object";
}

}  // namespace

Error Unexpected(const Napi::Value& value, const char* name, const std::string& expected) {
  return Error("ERR_INVALID_ARGUMENT",
               std::string("Expected ") + name + " to be " + expected + ", got " + Describe(value));
}

Error UnexpectedNumber(const Napi::Value& value, const char* name, uint64_t least, uint64_t most) {
  const bool above = value.IsNumber() && value.As<Napi::Number>().DoubleValue() > static_cast<double>(most);
  const bool mentioned = above || most < kUnmentioned;
  return Unexpected(
      value, name,
      "a whole number from " + std::to_string(least) + (mentioned ? " to " + std::to_string(most) : " up"));
}

}  // namespace mayfly
