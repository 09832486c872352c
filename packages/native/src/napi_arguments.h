// Reads JavaScript arguments. What is wrong with one is said in one form.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "error.h"

namespace mayfly {

constexpr uint64_t kLargestWhole = (uint64_t{1} << 53) - 1;

// An ERR_INVALID_ARGUMENT: "Expected rows to be a whole number from 1 up, got `x` (string)".
Error Unexpected(const Napi::Value& value, const char* name, const std::string& expected);

// An ERR_INVALID_ARGUMENT for a value that is no whole number in [least, most].
Error UnexpectedNumber(const Napi::Value& value, const char* name, uint64_t least, uint64_t most);

// A whole number in [least, most], with `most` at most 2^53 − 1. Throws ERR_INVALID_ARGUMENT. Inline, with one call of
// Node-API: each dispatch reads four.
inline uint64_t WholeNumber(const Napi::Value& value, const char* name, uint64_t least = 0,
                            uint64_t most = kLargestWhole) {
  double number;
  if (napi_get_value_double(value.Env(), value, &number) == napi_ok && number >= 0 &&
      number <= static_cast<double>(kLargestWhole)) {
    // Signed: conversions between unsigned integers and floating point take several instructions.
    const auto whole = static_cast<int64_t>(number);
    const auto result = static_cast<uint64_t>(whole);
    if (static_cast<double>(whole) == number && result >= least && result <= most) return result;
  }
  throw UnexpectedNumber(value, name, least, most);
}

inline int Descriptor(const Napi::Value& value) { return static_cast<int>(WholeNumber(value, "fd", 0, 2147483647)); }

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

// The memory of a Uint8Array, valid while the call lasts.
inline std::pair<const uint8_t*, size_t> BytesOf(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Unexpected(value, name, "a Uint8Array");
  }
  const Napi::Uint8Array bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.ByteLength()};
}

// Applies `read` to each element. Reading an element may run JavaScript that changes the array, and an array may claim
// a length without having elements: memory is taken only for what was read.
template <typename Read>
auto ListOf(const Napi::Array& array, const Read& read) {
  std::vector<decltype(read(Napi::Value()))> list;
  const uint32_t length = array.Length();
  list.reserve(std::min(length, uint32_t{64}));
  for (uint32_t i = 0; i < length; ++i) list.push_back(read(array.Get(i)));
  return list;
}

// The offsets that dispatchPorts and evaluate take.
inline std::vector<uint64_t> OffsetsOf(const Napi::Value& value) {
  return ListOf(ArrayOf(value, "offsets"), [](const Napi::Value& each) { return WholeNumber(each, "offset"); });
}

}  // namespace mayfly
