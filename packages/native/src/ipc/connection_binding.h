// The connection as a JavaScript object (Connection in lib/contract.ts).
#pragma once

#include <napi.h>

namespace mayfly {

// connect.
void ExportConnection(Napi::Env env, Napi::Object exports);

}  // namespace mayfly
