#include "math/math_binding.h"

#include "math/host_pool.h"
#include "math/math_function.h"

namespace mayfly {
namespace {

constexpr int64_t kMostThreads = 1024;

void SetThreads(const Napi::CallbackInfo& info) {
  HostPool::SetThreads(static_cast<int>(WholeNumber(info[0], "count", 1, kMostThreads)));
}

}  // namespace

Napi::Object ExportMath(Napi::Env env) {
  Napi::Object math = Napi::Object::New(env);
  DefineMath(math, "setThreads", SetThreads);
  ExportLayerMath(math);
  ExportTensorMath(math);
  return math;
}

}  // namespace mayfly
