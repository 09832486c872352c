#include "exports.h"
#include "math/host/host_pool.h"
#include "math/host/math_function.h"
#include "parallel/affinity.h"

namespace mayfly {
namespace {

constexpr int64_t kMostThreads = 1024;

void SetThreads(const Napi::CallbackInfo& info) {
  HostPool::SetThreads(static_cast<int>(WholeNumber(info[0], "count", 1, kMostThreads)));
}

void KeepOnProcessor(const Napi::CallbackInfo& info) {
  const int64_t index = WholeNumber(info[0], "index", 0, kLargestCount);
  const std::vector<int> processors = AllowedProcessors();
  if (!processors.empty()) KeepOn(pthread_self(), processors[static_cast<size_t>(index) % processors.size()]);
}

}  // namespace

Napi::Object ExportMath(Napi::Env env) {
  Napi::Object math = Napi::Object::New(env);
  DefineMath(math, "keepOnProcessor", KeepOnProcessor);
  DefineMath(math, "setThreads", SetThreads);
  ExportLayerMath(math);
  ExportTensorMath(math);
  return math;
}

}  // namespace mayfly
