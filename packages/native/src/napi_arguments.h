// Reading JavaScript arguments: one error form for all.
#pragma once

#include <napi.h>

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

// Program arguments of dispatchPorts and evaluate.
inline std::vector<uint64_t> OffsetsOf(const Napi::Value& value) {
  const Napi::Array array = ArrayOf(value, "offsets");
  std::vector<uint64_t> offsets(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) offsets[i] = WholeNumber(array.Get(i), "offset");
  return offsets;
}

}  // namespace mayfly
