// The edge between C++ exceptions and JavaScript errors.
#pragma once

#include <napi.h>

#include "addon_data.h"
#include "error.h"

namespace mayfly {

// A JavaScript error, made by JavaScript where its loader said how (lib/errors.ts): so it has its class, and its stack
// begins at the caller.
inline Napi::Error ToJs(Napi::Env env, const Error& error) {
  const Napi::FunctionReference& factory = DataOf(env).error_factory;
  if (factory.IsEmpty()) {
    Napi::Error js = Napi::Error::New(env, error.what());
    js.Set("code", Napi::String::New(env, error.code()));
    return js;
  }
  return Napi::Error(env, factory.Call({Napi::String::New(env, error.code()), Napi::String::New(env, error.what()),
                                        Napi::Number::New(env, error.line()), Napi::Number::New(env, error.column()),
                                        Napi::String::New(env, error.limit())}));
}

// Runs `body` and turns every C++ exception into a JavaScript one. Wrap each exported function in it.
template <typename Body>
auto Guard(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const Error& error) {
    throw ToJs(env, error);
  } catch (const std::exception& error) {
    throw ToJs(env, Error("ERR_NATIVE", error.what()));
  }
}

}  // namespace mayfly
