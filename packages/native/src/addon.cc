// What mayfly.node exports: a table of contents. lib/contract.ts is its type.
#include <napi.h>

#include "addon_data.h"
#include "math/isa.h"
#include "math/math_binding.h"
#include "napi_error.h"
#include "shm/arena_binding.h"

namespace mayfly {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonData());
  ExportArena(env, exports);
  exports.Set("isa", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&] { return Napi::String::New(info.Env(), NameOf(CurrentIsa())); });
              }));
  exports.Set("deviceNames", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                Napi::Array names = Napi::Array::New(info.Env());
                names.Set(0u, "cpu");
                return names;
              }));
  exports.Set("math", ExportMath(env));
  return exports;
}

NODE_API_MODULE(mayfly, Init)

}  // namespace mayfly
