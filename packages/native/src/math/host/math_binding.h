// Host math as a JavaScript object (HostMath in lib/contract.ts).
#pragma once

#include <napi.h>

namespace mayfly {

Napi::Object ExportMath(Napi::Env env);

}  // namespace mayfly
