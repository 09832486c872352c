#include <algorithm>
#include <chrono>
#include <vector>

#include "addon_data.h"
#include "exports.h"
#include "math/host/host_pool.h"
#include "math/host/math_function.h"
#include "math/host/math_queue.h"
#include "napi_arguments.h"
#include "parallel/job_queue.h"

namespace mayfly {
namespace {

constexpr uint64_t kMostRank = 0x7fffffff;

double Nanoseconds(MathQueue::Clock::time_point time) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

Napi::Value TakeSpans(const Napi::CallbackInfo& info) {
  const std::vector<MathQueue::Span> spans = DataOf(info.Env()).math_queue->TakeSpans();
  Napi::Array names = Napi::Array::New(info.Env());
  // Names are constants, so that their addresses tell them apart.
  std::vector<const char*> known;
  Napi::Float64Array numbers = Napi::Float64Array::New(info.Env(), 3 * spans.size());
  double* to = numbers.Data();
  for (const MathQueue::Span& span : spans) {
    const auto found = std::find(known.begin(), known.end(), span.name);
    const auto place = static_cast<uint32_t>(found - known.begin());
    if (found == known.end()) {
      known.push_back(span.name);
      names.Set(place, span.name);
    }
    *to++ = place;
    *to++ = Nanoseconds(span.began);
    *to++ = Nanoseconds(span.ended);
  }
  Napi::Object taken = Napi::Object::New(info.Env());
  taken.Set("names", names);
  taken.Set("spans", numbers);
  return taken;
}

}  // namespace

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
  math.queued.Set(
      "rank", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
        Guard(info.Env(), [&] {
          DataOf(info.Env()).math_queue->Rank(static_cast<uint32_t>(WholeNumber(info[0], "rank", 0, kMostRank)));
        });
      }));
  math.queued.Set("time", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                    DataOf(info.Env()).math_queue->Time(info[0].ToBoolean().Value());
                  }));
  math.queued.Set("takeSpans", Napi::Function::New(env, &TakeSpans));
  ExportLayerMath(math);
  ExportTensorMath(math);
  exports.Set("math", math.direct);
  exports.Set("mathQueue", math.queued);
}

}  // namespace mayfly
