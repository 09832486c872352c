// The addon's data of one JavaScript environment: the main thread and worker threads load the addon at the same time.
#pragma once

#include <napi.h>

#include <memory>

namespace mayfly {

class CollectiveCalls;
class EventLoop;
class MathQueue;
class Reaper;

struct AddonData {
  explicit AddonData(Napi::Env env);
  ~AddonData();

  // Constructors of the classes that exported functions return.
  Napi::FunctionReference arena;
  Napi::FunctionReference connection;
  Napi::FunctionReference device;
  Napi::FunctionReference worker_socket;
  // Makes JavaScript errors (lib/errors.ts).
  Napi::FunctionReference error_factory;
  // They end before the environment does: the handles of the loop, the calls of a group, the children and the queued
  // math.
  std::unique_ptr<EventLoop> loop;
  std::unique_ptr<CollectiveCalls> collective;
  std::unique_ptr<Reaper> reaper;
  std::unique_ptr<MathQueue> math_queue;
};

inline AddonData& DataOf(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

}  // namespace mayfly
