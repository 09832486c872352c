// MIL text as plain JavaScript data (MilFunction in lib/contract.ts): for tools that read programs without running
// them.
#pragma once

#include <napi.h>

namespace mayfly {

// inspectMil.
void ExportInspect(Napi::Env env, Napi::Object exports);

}  // namespace mayfly
