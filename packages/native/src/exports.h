// What each folder adds to the addon's exports. lib/contract.ts has their types.
#pragma once

#include <napi.h>

namespace mayfly {

class DeviceTable;

// ane: probe, canaries, dialect, openEnergyMeter.
void ExportAne(Napi::Env env, Napi::Object exports);
// createArena, attachArena, availableMemory.
void ExportArena(Napi::Env env, Napi::Object exports);
// collective.
void ExportCollective(Napi::Env env, Napi::Object exports);
// openDevice, deviceNames. The table must outlive the addon.
void ExportDevice(Napi::Env env, Napi::Object exports, const DeviceTable& table);
// inspectMil and inspectRecords.
void ExportInspect(Napi::Env env, Napi::Object exports);
// connect.
void ExportConnection(Napi::Env env, Napi::Object exports);
// serveSocket.
void ExportServe(Napi::Env env, Napi::Object exports);
// spawn, socketPair, dieWithParent.
void ExportSpawn(Napi::Env env, Napi::Object exports);
// exitOnSignals, redirectToNull, descriptorLimit.
void ExportProcess(Napi::Env env, Napi::Object exports);
// math, mathQueue.
void ExportMath(Napi::Env env, Napi::Object exports);

}  // namespace mayfly
