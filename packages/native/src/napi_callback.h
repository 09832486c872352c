// Calling JavaScript from the event loop.
#pragma once

#include <napi.h>

#include <initializer_list>

#include "error.h"
#include "napi_error.h"

namespace mayfly {

// Calls `function` within an open callback scope. An exception that it throws is an uncaught one, as in any event
// handler. False once the thread is ending (process.exit in a handler): JavaScript never runs in it again. Uses the C
// API, since Napi::Error aborts the process when it cannot create its JavaScript object.
inline bool CallBack(Napi::Env env, napi_value function, std::initializer_list<napi_value> arguments) {
  napi_value self = env.Undefined();
  if (napi_call_function(env, self, function, arguments.size(), arguments.begin(), nullptr) == napi_ok) return true;
  napi_value thrown = nullptr;
  return napi_get_and_clear_last_exception(env, &thrown) == napi_ok && napi_fatal_exception(env, thrown) == napi_ok;
}

// Raises an uncaught exception; does nothing once the thread is ending.
inline void RaiseUncaught(Napi::Env env, const Error& error) {
  const Napi::HandleScope handles(env);
  if (const napi_value value = TryToJs(env, error)) napi_fatal_exception(env, value);
}

}  // namespace mayfly
