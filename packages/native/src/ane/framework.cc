#include "ane/framework.h"

#include "ane/objc_runtime.h"
#include "error.h"

namespace mayfly::ane {

const std::vector<FrameworkMethod> kFrameworkMethods = {
    {"_ANEInMemoryModelDescriptor", "modelWithMILText:weights:optionsPlist:", true, 3, Capability::kCore},
    {"_ANEInMemoryModel", "inMemoryModelWithDescriptor:", true, 1, Capability::kCore},
    {"_ANEInMemoryModel", "hexStringIdentifier", false, 0, Capability::kCore},
    {"_ANEInMemoryModel", "compileWithQoS:options:error:", false, 3, Capability::kCore},
    {"_ANEInMemoryModel", "loadWithQoS:options:error:", false, 3, Capability::kCore},
    {"_ANEInMemoryModel", "evaluateWithQoS:options:request:error:", false, 4, Capability::kCore},
    {"_ANEInMemoryModel", "unloadWithQoS:error:", false, 2, Capability::kCore},
    {"_ANEIOSurfaceObject", "objectWithIOSurface:", true, 1, Capability::kCore},
    {"_ANERequest", "requestWithInputs:inputIndices:outputs:outputIndices:weightsBuffer:perfStats:procedureIndex:", true,
     7, Capability::kCore},
    {"_ANEDeviceInfo", "aneSubType", true, 0, Capability::kChip},
    {"_ANEInMemoryModel", "compiledModelExists", false, 0, Capability::kCompiledModels},
    {"_ANEInMemoryModel", "purgeCompiledModel", false, 0, Capability::kCompiledModels},
    {"_ANEInMemoryModel", "model", false, 0, Capability::kClient},
    {"_ANEClient", "sharedConnection", true, 0, Capability::kClient},
    {"_ANEClient", "doEvaluateDirectWithModel:options:request:qos:error:", false, 5, Capability::kDirect},
    {"_ANEClient", "evaluateRealTimeWithModel:options:request:error:", false, 4, Capability::kRealTime},
    {"_ANEClient", "beginRealTimeTask", false, 0, Capability::kRealTimeTask},
    {"_ANEClient", "endRealTimeTask", false, 0, Capability::kRealTimeTask},
    {"_ANEClient", "loadRealTimeModel:options:qos:error:", false, 4, Capability::kRealTimeTask},
    {"_ANEClient", "unloadRealTimeModel:options:qos:error:", false, 4, Capability::kRealTimeTask},
    {"_ANEPerformanceStats", "statsWithHardwareExecutionNS:", true, 1, Capability::kStatistics},
    {"_ANEPerformanceStats", "hwExecutionTime", false, 0, Capability::kStatistics},
    {"_ANEInMemoryModel", "perfStatsMask", false, 0, Capability::kStatistics},
    {"_ANEChainingRequest",
     "chainingRequestWithInputs:outputSets:lbInputSymbolId:lbOutputSymbolId:procedureIndex:signalEvents:"
     "transactionHandle:fwEnqueueDelay:memoryPoolId:",
     true, 9, Capability::kChaining},
    {"_ANEClient", "prepareChainingWithModel:options:chainingReq:qos:error:", false, 5, Capability::kChaining},
};

const char* NameOf(Capability capability) {
  switch (capability) {
    case Capability::kCore: return "core";
    case Capability::kChip: return "chip";
    case Capability::kCompiledModels: return "compiled-models";
    case Capability::kClient: return "client";
    case Capability::kDirect: return "direct";
    case Capability::kRealTime: return "real-time";
    case Capability::kRealTimeTask: return "real-time-task";
    case Capability::kStatistics: return "statistics";
    case Capability::kChaining: return "chaining";
  }
  return "?";
}

const std::vector<Capability>& AllCapabilities() {
  static const std::vector<Capability> all = {Capability::kCore,   Capability::kChip,     Capability::kCompiledModels,
                                              Capability::kClient, Capability::kDirect,   Capability::kRealTime,
                                              Capability::kRealTimeTask, Capability::kStatistics,
                                              Capability::kChaining};
  return all;
}

bool FrameworkProbe::Has(Capability capability) const {
  return unavailable.empty() && FirstMissing(capability).empty();
}

std::string FrameworkProbe::FirstMissing(Capability capability) const {
  for (const ProbedMethod& probed : methods) {
    if (probed.method->capability != capability || probed.usable()) continue;
    if (!probed.class_present) return std::string("class ") + probed.method->cls;
    if (!probed.present) return Describe(*probed.method);
    return Describe(*probed.method) + " with " + std::to_string(probed.method->arguments) + " arguments (it has " +
           std::to_string(probed.arguments) + ")";
  }
  return "";
}

FrameworkProbe ProbeFramework() {
  FrameworkProbe probe;
  try {
    const ObjcRuntime& runtime = ObjcRuntime::Get();
    for (const FrameworkMethod& method : kFrameworkMethods) {
      ProbedMethod probed{&method, false, false, -1, ""};
      if (const Class cls = runtime.FindClass(method.cls)) {
        probed.class_present = true;
        if (const Method found = runtime.FindMethod(cls, method.selector, method.class_method)) {
          probed.present = true;
          probed.arguments = runtime.ArgumentCount(found);
          probed.encoding = runtime.Encoding(found);
        }
      }
      probe.methods.push_back(probed);
    }
  } catch (const Error& error) {
    probe.unavailable = error.what();
  }
  return probe;
}

std::string Describe(const FrameworkMethod& method) {
  return std::string(method.class_method ? "+[" : "-[") + method.cls + " " + method.selector + "]";
}

}  // namespace mayfly::ane
