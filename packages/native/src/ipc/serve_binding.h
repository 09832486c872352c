// The serve loop as a JavaScript object (WorkerSocket in lib/contract.ts).
#pragma once

#include <napi.h>

namespace mayfly {

// serveSocket.
void ExportServe(Napi::Env env, Napi::Object exports);

}  // namespace mayfly
