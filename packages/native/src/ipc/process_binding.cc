#include <vector>

#include "exports.h"
#include "ipc/exit_on_signal.h"
#include "napi_arguments.h"
#include "napi_error.h"

namespace mayfly {

void ExportProcess(Napi::Env env, Napi::Object exports) {
  exports.Set("exitOnSignals", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                Guard(info.Env(), [&] {
                  const std::vector<int> signals = ListOf(ArrayOf(info[0], "signals"), [](const Napi::Value& each) {
                    return static_cast<int>(WholeNumber(each, "signal", 0, 64));
                  });
                  ExitOnSignals(signals, Text(info[1], "farewell"));
                });
              }));
  exports.Set("redirectToNull", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                Guard(info.Env(), [&] { RedirectToNull(Descriptor(info[0])); });
              }));
  exports.Set("descriptorLimit", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&] { return Napi::Number::New(info.Env(), DescriptorLimit()); });
              }));
}

}  // namespace mayfly
