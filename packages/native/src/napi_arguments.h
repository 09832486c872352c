// Reading JavaScript arguments: one error form for all.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "error.h"

namespace mayfly {

inline Error Unexpected(const Napi::Value& value, const char* name, const std::string& expected) {
  // A symbol, an external or an object without a prototype has no string; its type says enough.
  const bool has_string = !value.IsSymbol() && !value.IsObject() && !value.IsExternal();
  const std::string got = has_string ? "`" + value.ToString().Utf8Value() + "`" : "an object";
  return Error("ERR_INVALID_ARGUMENT", std::string("Expected ") + name + " to be " + expected + ", got " + got);
}

// A whole number from 0 to `most`, by default 2^53 − 1. Throws ERR_INVALID_ARGUMENT.
inline uint64_t WholeNumber(const Napi::Value& value, const char* name, double most = 9007199254740991.0) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0) || number > most || number != std::floor(number)) {
    throw Unexpected(value, name, "a whole number from 0 to " + std::to_string(static_cast<uint64_t>(most)));
  }
  return static_cast<uint64_t>(number);
}

inline int Descriptor(const Napi::Value& value) { return static_cast<int>(WholeNumber(value, "fd", 2147483647.0)); }

inline std::string Text(const Napi::Value& value, const char* name) {
  if (!value.IsString()) throw Unexpected(value, name, "a string");
  return value.As<Napi::String>().Utf8Value();
}

inline Napi::Function FunctionOf(const Napi::Value& value, const char* name) {
  if (!value.IsFunction()) throw Unexpected(value, name, "a function");
  return value.As<Napi::Function>();
}

inline Napi::Object ObjectOf(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) throw Unexpected(value, name, "an object");
  return value.As<Napi::Object>();
}

inline Napi::Array ArrayOf(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) throw Unexpected(value, name, "an array");
  return value.As<Napi::Array>();
}

// The memory of a Uint8Array; valid while the call lasts.
inline std::pair<const uint8_t*, size_t> BytesOf(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Unexpected(value, name, "a Uint8Array");
  }
  const Napi::Uint8Array bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.ByteLength()};
}

// What `read` makes of each element. Reading one may run JavaScript that makes the array longer or shorter, and a
// length says nothing of what is there: memory is taken for what was read only.
template <typename Read>
auto ListOf(const Napi::Array& array, const Read& read) {
  std::vector<decltype(read(Napi::Value()))> list;
  const uint32_t length = array.Length();
  list.reserve(std::min(length, uint32_t{64}));
  for (uint32_t i = 0; i < length; ++i) list.push_back(read(array.Get(i)));
  return list;
}

// Program arguments of dispatchPorts and evaluate.
inline std::vector<uint64_t> OffsetsOf(const Napi::Value& value) {
  return ListOf(ArrayOf(value, "offsets"), [](const Napi::Value& each) { return WholeNumber(each, "offset"); });
}

}  // namespace mayfly
