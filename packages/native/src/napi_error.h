// The edge between C++ exceptions and JavaScript errors.
#pragma once

#include <napi.h>

#include <exception>
#include <iterator>

#include "addon_data.h"
#include "error.h"

namespace mayfly {

// A JavaScript error. JavaScript creates it where the loader has set a factory (lib/errors.ts), so that it has its
// class and its stack begins at the caller. Null where JavaScript can no longer run. Uses the C API for the reason that
// CallBack does.
inline napi_value TryToJs(Napi::Env env, const Error& error) {
  napi_value code = Napi::String::New(env, error.code()), message = Napi::String::New(env, error.what());
  napi_value made = nullptr;
  const Napi::FunctionReference& factory = DataOf(env).error_factory;
  if (factory.IsEmpty()) {
    napi_create_error(env, code, message, &made);
    return made;
  }
  const napi_value arguments[] = {code, message, Napi::Number::New(env, error.line()),
                                  Napi::Number::New(env, error.column()), Napi::String::New(env, error.limit())};
  if (napi_call_function(env, env.Undefined(), factory.Value(), std::size(arguments), arguments, &made) != napi_ok)
    napi_get_and_clear_last_exception(env, &made);
  return made;
}

// The same for an exception that another thread caught.
inline napi_value TryToJs(Napi::Env env, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return TryToJs(env, error);
  } catch (const std::exception& error) {
    return TryToJs(env, Error("ERR_NATIVE", error.what()));
  }
}

inline Napi::Error ToJs(Napi::Env env, const Error& error) {
  const napi_value made = TryToJs(env, error);
  return made == nullptr ? Napi::Error::New(env, error.what()) : Napi::Error(env, made);
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
