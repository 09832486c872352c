#include "exports.h"
#include "math/host/host_pool.h"
#include "math/host/math_function.h"
#include "napi_arguments.h"
#include "parallel/job_queue.h"

namespace mayfly {

void ExportMath(Napi::Env env, Napi::Object exports) {
  const MathExports math{Napi::Object::New(env), Napi::Object::New(env)};
  math.direct.Set("setThreads", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                    Guard(info.Env(), [&] {
                      HostPool::SetThreads(static_cast<int>(WholeNumber(info[0], "count", 1, kMostThreads)));
                    });
                  }));
  math.queued.Set("finish", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                    Guard(info.Env(), [] { JobQueue::Finish(); });
                  }));
  ExportLayerMath(math);
  ExportTensorMath(math);
  exports.Set("math", math.direct);
  exports.Set("mathQueue", math.queued);
}

}  // namespace mayfly
