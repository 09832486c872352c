#include "addon_data.h"

#include <node_api.h>

#include "napi_callback.h"
#include "napi_error.h"

namespace mayfly {
namespace {

uv_loop_t* LoopOf(napi_env env) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  return loop;
}

// Node calls this when nothing may enter JavaScript any more, and before it destroys the environment, the event loop
// and, with the last environment that loaded it, the addon: all of that waits for the hook to be removed.
void OnEnvironmentEnd(napi_async_cleanup_hook_handle hook, void* of) {
  auto* const data = static_cast<AddonData*>(of);
  data->reaper.End();
  data->loop.End([hook] { napi_remove_async_cleanup_hook(hook); });
}

}  // namespace

AddonData::AddonData(Napi::Env env)
    : loop(LoopOf(env), [env](const char* message) { RaiseUncaught(env, Error("ERR_NATIVE", message)); }),
      reaper(&loop) {
  napi_add_async_cleanup_hook(env, OnEnvironmentEnd, this, nullptr);
}

}  // namespace mayfly
