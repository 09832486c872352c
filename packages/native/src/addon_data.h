// What the addon keeps per JavaScript environment: it is loaded by the main thread and by worker threads at once.
#pragma once

#include <napi.h>

#include "ipc/event_loop.h"
#include "ipc/reaper.h"

namespace mayfly {

// Constructors of the classes that functions of the addon return, what makes errors, and what must end before the
// environment does: the handles of its event loop and the children.
struct AddonData {
  explicit AddonData(Napi::Env env);

  Napi::FunctionReference arena;
  Napi::FunctionReference connection;
  Napi::FunctionReference device;
  Napi::FunctionReference worker_socket;
  Napi::FunctionReference error_factory;
  EventLoop loop;
  Reaper reaper;
};

inline AddonData& DataOf(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

}  // namespace mayfly
