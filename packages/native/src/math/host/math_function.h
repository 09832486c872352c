// How a function of host math becomes a JavaScript function.
#pragma once

#include <napi.h>

#include <type_traits>

#include "math/host/math_options.h"
#include "napi_error.h"
#include "shm/arena_binding.h"

namespace mayfly {

// Bounds flat counts, so that their bytes stay within 64 bits.
constexpr int64_t kLargestCount = int64_t{1} << 50;

template <class Body>
void DefineMath(Napi::Object object, const char* name, Body body) {
  object.Set(name, Napi::Function::New(
                       object.Env(),
                       [body](const Napi::CallbackInfo& info) -> Napi::Value {
                         return Guard(info.Env(), [&]() -> Napi::Value {
                           if constexpr (std::is_void_v<decltype(body(info))>) {
                             body(info);
                             return info.Env().Undefined();
                           } else {
                             return Napi::Number::New(info.Env(), body(info));
                           }
                         });
                       },
                       name));
}

// A function of (arena, options).
template <class Result>
void DefineMath(Napi::Object object, const char* name, Result (*body)(const MathOptions&)) {
  DefineMath(object, name,
             [body](const Napi::CallbackInfo& info) { return body(MathOptions(info[1], UnwrapArena(info[0]))); });
}

void ExportLayerMath(Napi::Object math);
void ExportTensorMath(Napi::Object math);

}  // namespace mayfly
