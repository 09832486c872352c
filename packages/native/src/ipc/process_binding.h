// What the addon exports about this process.
#pragma once

#include <napi.h>

namespace mayfly {

void ExportProcess(Napi::Env env, Napi::Object exports);

}  // namespace mayfly
