// How a function of host math becomes a pair of JavaScript functions: one that computes before it returns, and one that
// queues the same work and returns a promise.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "addon_data.h"
#include "math/host/host_pool.h"
#include "math/host/math_options.h"
#include "math/host/math_queue.h"
#include "napi_error.h"
#include "shm/arena_binding.h"

namespace mayfly {

// Bounds flat counts, so that their bytes stay within 64 bits.
constexpr int64_t kLargestCount = int64_t{1} << 50;
constexpr int64_t kMostThreads = 1024;

// The objects that hold the two functions of each pair.
struct MathExports {
  Napi::Object direct, queued;
};

// `work` as the queue takes it, with the arena that it works on.
template <class Work>
MathQueue::Work QueuedWork(std::shared_ptr<Arena> arena, Work work) {
  return [arena = std::move(arena), work = std::move(work)](ThreadPool& pool) -> std::optional<double> {
    if constexpr (std::is_void_v<decltype(work(pool))>) {
      work(pool);
      return std::nullopt;
    } else {
      return work(pool);
    }
  };
}

// `prepare` checks the arguments of (arena, …) and returns the work: a function of a ThreadPool that holds no
// JavaScript value and returns nothing or a number.
template <class Prepare>
void DefineMath(const MathExports& exports, const char* name, Prepare prepare) {
  const Napi::Env env = exports.direct.Env();
  const auto take = [prepare](const Napi::CallbackInfo& info) {
    const std::shared_ptr<Arena> arena = UnwrapArena(info[0]);
    return QueuedWork(arena, prepare(info, arena));
  };
  exports.direct.Set(name, Napi::Function::New(
                               env,
                               [take](const Napi::CallbackInfo& info) -> Napi::Value {
                                 return Guard(info.Env(), [&]() -> Napi::Value {
                                   const MathQueue::Work work = take(info);
                                   std::optional<double> value;
                                   HostPool::OfCalls().Use([&](ThreadPool& pool) { value = work(pool); });
                                   if (!value) return info.Env().Undefined();
                                   return Napi::Number::New(info.Env(), *value);
                                 });
                               },
                               name));
  exports.queued.Set(name, Napi::Function::New(
                               env,
                               [take, name](const Napi::CallbackInfo& info) -> Napi::Value {
                                 const Napi::Env env = info.Env();
                                 try {
                                   return Guard(env, [&]() -> Napi::Value {
                                     return {env, DataOf(env).math_queue->Add(env, name, take(info))};
                                   });
                                 } catch (const Napi::Error& error) {
                                   const auto refused = Napi::Promise::Deferred::New(env);
                                   refused.Reject(error.Value());
                                   return refused.Promise();
                                 }
                               },
                               name));
}

// A function of (arena, options).
template <class Work>
void DefineMath(const MathExports& exports, const char* name, Work (*prepare)(const MathOptions&)) {
  DefineMath(exports, name, [prepare](const Napi::CallbackInfo& info, const std::shared_ptr<Arena>& arena) {
    return prepare(MathOptions(info[1], arena));
  });
}

void ExportLayerMath(const MathExports& exports);
void ExportTensorMath(const MathExports& exports);

}  // namespace mayfly
