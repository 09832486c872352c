// The edge between C++ exceptions and JavaScript errors.
#pragma once

#include <napi.h>

#include "error.h"

namespace mayfly {

// A JavaScript Error with `code`, and `line` and `column` where known. lib/errors.ts gives it its class.
inline Napi::Error ToJs(Napi::Env env, const Error& error) {
  Napi::Error js = Napi::Error::New(env, error.what());
  js.Set("code", Napi::String::New(env, error.code()));
  if (error.line() > 0) {
    js.Set("line", Napi::Number::New(env, error.line()));
    js.Set("column", Napi::Number::New(env, error.column()));
  }
  return js;
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
