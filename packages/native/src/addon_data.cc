#include "addon_data.h"

#include <node_api.h>

#include "collective/collective_calls.h"
#include "event_loop.h"
#include "ipc/reaper.h"
#include "math/host/math_queue.h"
#include "napi_callback.h"
#include "napi_error.h"

namespace mayfly {
namespace {

uv_loop_t* LoopOf(napi_env env) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  return loop;
}

// Node calls this hook once JavaScript may no longer run. It destroys the environment, the event loop and, with the
// last environment that loaded it, the addon only after the hook was removed.
void OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* of) {
  auto* const data = static_cast<AddonData*>(of);
  data->collective->End();
  data->reaper->End();
  data->math_queue->End();
  data->loop->End([hook] { napi_remove_async_cleanup_hook(hook); });
}

}  // namespace

AddonData::AddonData(Napi::Env env)
    : loop(std::make_unique<EventLoop>(
          LoopOf(env), [env](const char* message) { RaiseUncaught(env, Error("ERR_NATIVE", message)); })),
      collective(std::make_unique<CollectiveCalls>(loop.get())),
      reaper(std::make_unique<Reaper>(loop.get())),
      math_queue(std::make_unique<MathQueue>(loop.get())) {
  napi_add_async_cleanup_hook(env, OnEnvironmentEnd, this, nullptr);
}

AddonData::~AddonData() = default;

}  // namespace mayfly
