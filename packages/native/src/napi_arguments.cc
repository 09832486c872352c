#include "napi_arguments.h"

#include <cmath>

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

uint64_t WholeNumber(const Napi::Value& value, const char* name, uint64_t least, uint64_t most) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  const bool above = number > static_cast<double>(most);
  if (number == std::floor(number) && number >= static_cast<double>(least) && !above)
    return static_cast<uint64_t>(number);
  const bool mentioned = above || most < kUnmentioned;
  throw Unexpected(
      value, name,
      "a whole number from " + std::to_string(least) + (mentioned ? " to " + std::to_string(most) : " up"));
}

}  // namespace mayfly
