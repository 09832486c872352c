#include "ane/framework.h"

#include <algorithm>
#include <cstring>

#include "ane/objc_runtime.h"
#include "error.h"

namespace mayfly::ane {
namespace {

// The receiver and the selector.
constexpr size_t kImplicit = 2;

bool IsIgnored(char c) { return std::strchr("rnNoORVA0123456789+-", c) != nullptr; }

char KindOf(char c) {
  if (std::strchr("cCB", c) != nullptr) return 'b';
  // On 64-bit systems `l` stands for 32 bits, whatever the size of long.
  if (std::strchr("iIlL", c) != nullptr) return 'i';
  if (std::strchr("qQ", c) != nullptr) return 'q';
  if (std::strchr("@#", c) != nullptr) return '@';
  if (std::strchr("*^", c) != nullptr) return 'p';
  return std::strchr("v:fd", c) != nullptr ? c : '?';
}

// The index after the type at `at`, with the type that a pointer points to, a bracketed type, a class name, or the mark
// of a block.
size_t SkipType(const std::string& text, size_t at) {
  while (at < text.size() && (text[at] == '^' || IsIgnored(text[at]))) ++at;
  if (at == text.size()) return at;
  const char first = text[at++];
  if (first == '@') {
    if (at < text.size() && text[at] == '?') return at + 1;
    if (at < text.size() && text[at] == '"') return std::min(text.find('"', at + 1), text.size() - 1) + 1;
    return at;
  }
  if (std::strchr("{[(", first) == nullptr) return at;
  for (int depth = 1; at < text.size() && depth > 0; ++at) {
    if (std::strchr("{[(", text[at]) != nullptr) ++depth;
    if (std::strchr("}])", text[at]) != nullptr) --depth;
  }
  return at;
}

}  // namespace

std::string KindsOf(const std::string& encoding) {
  std::string kinds;
  for (size_t at = 0; at < encoding.size();) {
    if (IsIgnored(encoding[at])) {
      ++at;
      continue;
    }
    kinds += KindOf(encoding[at]);
    at = SkipType(encoding, at);
  }
  return kinds.size() <= kImplicit ? kinds : kinds.substr(0, 1) + kinds.substr(1 + kImplicit);
}

const std::vector<FrameworkMethod> kFrameworkMethods = {
    {"_ANEInMemoryModelDescriptor", "modelWithMILText:weights:optionsPlist:", true, "@@@@", Capability::kCore},
    {"_ANEInMemoryModel", "inMemoryModelWithDescriptor:", true, "@@", Capability::kCore},
    {"_ANEInMemoryModel", "hexStringIdentifier", false, "@", Capability::kCore},
    {"_ANEInMemoryModel", "compileWithQoS:options:error:", false, "bi@p", Capability::kCore},
    {"_ANEInMemoryModel", "loadWithQoS:options:error:", false, "bi@p", Capability::kCore},
    {"_ANEInMemoryModel", "evaluateWithQoS:options:request:error:", false, "bi@@p", Capability::kCore},
    {"_ANEInMemoryModel", "unloadWithQoS:error:", false, "bip", Capability::kCore},
    {"_ANEIOSurfaceObject", "objectWithIOSurface:", true, "@p", Capability::kCore},
    {"_ANERequest", "requestWithInputs:inputIndices:outputs:outputIndices:weightsBuffer:perfStats:procedureIndex:",
     true, "@@@@@@@@", Capability::kCore},
    {"_ANEDeviceInfo", "aneSubType", true, "@", Capability::kChip},
    {"_ANEDeviceInfo", "hasANE", true, "b", Capability::kEngine},
    {"_ANEClient", "sharedConnection", true, "@", Capability::kConnection},
    {"_ANEModel", "modelAtURL:key:", true, "@@@", Capability::kClient},
    {"_ANEClient", "compileModel:options:qos:error:", false, "b@@ip", Capability::kClient},
    {"_ANEClient", "compiledModelExistsFor:", false, "b@", Capability::kClient},
    {"_ANEClient", "purgeCompiledModel:", false, "v@", Capability::kClient},
    {"_ANEClient", "loadModel:options:qos:error:", false, "b@@ip", Capability::kClient},
    {"_ANEClient", "evaluateWithModel:options:request:qos:error:", false, "b@@@ip", Capability::kClient},
    {"_ANEClient", "unloadModel:options:qos:error:", false, "b@@ip", Capability::kClient},
    {"_ANEInMemoryModel", "modelAttributes", false, "@", Capability::kAttributes},
    {"_ANEModel", "modelAttributes", false, "@", Capability::kAttributes},
    {"_ANEInMemoryModel", "model", false, "@", Capability::kDirect},
    {"_ANEClient", "doEvaluateDirectWithModel:options:request:qos:error:", false, "b@@@ip", Capability::kDirect},
};

int FrameworkMethod::arguments() const { return static_cast<int>(std::strlen(kinds)) - 1; }

bool ProbedMethod::usable() const {
  // A runtime without encodings still has the number of arguments.
  return present && arguments == method->arguments() && (encoding.empty() || KindsOf(encoding) == method->kinds);
}

const char* NameOf(Capability capability) {
  switch (capability) {
    case Capability::kCore: return "core";
    case Capability::kChip: return "chip";
    case Capability::kEngine: return "engine";
    case Capability::kConnection: return "connection";
    case Capability::kClient: return "client";
    case Capability::kAttributes: return "attributes";
    case Capability::kDirect: return "direct";
  }
  return "?";
}

const std::vector<Capability>& AllCapabilities() {
  static const std::vector<Capability> all = {Capability::kCore,       Capability::kChip,       Capability::kEngine,
                                              Capability::kAttributes, Capability::kConnection, Capability::kClient,
                                              Capability::kDirect};
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
    return Describe(*probed.method) + " with result and arguments " + probed.method->kinds + " (it has " +
           KindsOf(probed.encoding) + ", encoded " + probed.encoding + ")";
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
