// What mayfly.node exports: a table of contents. lib/contract.ts is its type.
#include <dlfcn.h>
#include <napi.h>

#include "addon_data.h"
#include "devices.h"
#include "exports.h"
#include "math/gemm/blas.h"
#include "math/gemm/gemm_choice.h"
#include "napi_arguments.h"
#include "napi_error.h"

namespace mayfly {

namespace {

// Threads of the host math's pool and callbacks of the Neural Engine's framework outlive the environment that started
// them: the code must stay loaded when the last thread that loaded the addon ends.
void StayLoaded() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&StayLoaded), &self) != 0)
    dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

}  // namespace

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  StayLoaded();
  env.SetInstanceData(new AddonData(env));
  ExportAne(env, exports);
  ExportArena(env, exports);
  ExportCollective(env, exports);
  ExportDevice(env, exports, Devices());
  ExportInspect(env, exports);
  ExportMath(env, exports);
  ExportConnection(env, exports);
  ExportServe(env, exports);
  ExportSpawn(env, exports);
  ExportProcess(env, exports);
  exports.Set("isa", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&] { return Napi::String::New(info.Env(), InstructionSet()); });
              }));
  exports.Set("isaFault", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&]() -> Napi::Value {
                  const char* fault = TileFault();
                  return fault == nullptr ? info.Env().Null() : Napi::String::New(info.Env(), fault);
                });
              }));
  exports.Set("fastMatmul", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&] { return Napi::String::New(info.Env(), FastMatmul()); });
              }));
  exports.Set("blas", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&] { return Napi::String::New(info.Env(), TheBlas().name); });
              }));
  exports.Set("setErrorFactory", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                Guard(info.Env(),
                      [&] { DataOf(info.Env()).error_factory = Napi::Persistent(FunctionOf(info[0], "factory")); });
              }));
  return exports;
}

NODE_API_MODULE(mayfly, Init)

}  // namespace mayfly
