// Reading JavaScript arguments: one error form for all.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

#include "error.h"

namespace mayfly {

// A whole number from 0 to 2^53 − 1. Throws ERR_INVALID_ARGUMENT.
inline uint64_t WholeNumber(const Napi::Value& value, const char* name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0) || number > 9007199254740991.0 || number != static_cast<double>(static_cast<uint64_t>(number))) {
    throw Error("ERR_INVALID_ARGUMENT", std::string("Expected ") + name + " to be a whole number from 0 up, got `" +
                                            value.ToString().Utf8Value() + "`");
  }
  return static_cast<uint64_t>(number);
}

inline std::string Text(const Napi::Value& value, const char* name) {
  if (!value.IsString()) {
    throw Error("ERR_INVALID_ARGUMENT", std::string("Expected ") + name + " to be a string, got `" +
                                            value.ToString().Utf8Value() + "`");
  }
  return value.As<Napi::String>().Utf8Value();
}

inline Napi::Function Callback(const Napi::Object& from, const char* name) {
  const Napi::Value value = from.Get(name);
  if (!value.IsFunction()) throw Error("ERR_INVALID_ARGUMENT", std::string("Expected ") + name + " to be a function");
  return value.As<Napi::Function>();
}

}  // namespace mayfly
