// What the ane device tells about this machine, for JavaScript.
#pragma once

#include <napi.h>

namespace mayfly {

// exports.ane: probe, canaries, dialect.
void ExportAne(Napi::Env env, Napi::Object exports);

}  // namespace mayfly
