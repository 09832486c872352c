// Starting processes from JavaScript (spawn, socketPair, dieWithParent in lib/contract.ts).
#pragma once

#include <napi.h>

namespace mayfly {

void ExportSpawn(Napi::Env env, Napi::Object exports);

}  // namespace mayfly
