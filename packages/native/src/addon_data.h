// What the addon keeps per JavaScript environment: it is loaded by the main thread and by worker threads at once.
#pragma once

#include <napi.h>

namespace mayfly {

struct AddonData {
  Napi::FunctionReference arena;
};

inline AddonData& DataOf(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

}  // namespace mayfly
