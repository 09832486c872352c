// What mayfly.node exports: a table of contents. lib/contract.ts is its type.
#include <napi.h>

#include "addon_data.h"
#include "math/isa.h"
#include "shm/arena_binding.h"

namespace mayfly {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonData());
  ExportArena(env, exports);
  exports.Set("isa", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Napi::String::New(info.Env(), NameOf(CurrentIsa()));
              }));
  exports.Set("deviceNames", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                Napi::Array names = Napi::Array::New(info.Env());
                names.Set(0u, "cpu");
                return names;
              }));
  return exports;
}

NODE_API_MODULE(mayfly, Init)

}  // namespace mayfly
