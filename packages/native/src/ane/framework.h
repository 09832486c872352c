// The classes and methods of AppleNeuralEngine.framework that this device uses, in one table, and a probe that says
// which of them this system has. Selectors and argument kinds: the public reverse engineering named in docs/ane.md.
#pragma once

#include <string>
#include <vector>

namespace mayfly::ane {

// What a method is needed for. All but the core are optional; from kRealTimeTask on they are only reported, never
// called.
enum class Capability {
  kCore,
  kChip,
  kEngine,
  kCompiledModels,
  kClient,
  kDirect,
  kRealTime,
  kStatistics,
  kRealTimeTask,
  kChaining
};

struct FrameworkMethod {
  const char* cls;
  const char* selector;
  bool class_method;
  // Of the result and the arguments that are passed (method_kinds.h).
  const char* kinds;
  Capability capability;

  // Without receiver and selector.
  int arguments() const;
};

extern const std::vector<FrameworkMethod> kFrameworkMethods;

const char* NameOf(Capability capability);
// In the order of the enumeration.
const std::vector<Capability>& AllCapabilities();

struct ProbedMethod {
  const FrameworkMethod* method;
  bool class_present;
  bool present;
  // As the runtime tells; -1 and empty where absent.
  int arguments;
  std::string encoding;

  // Present, with the arguments and the result that we pass and expect.
  bool usable() const;
};

struct FrameworkProbe {
  // Why nothing could be probed; empty if it could.
  std::string unavailable;
  std::vector<ProbedMethod> methods;

  bool Has(Capability capability) const;
  // The first method that a capability lacks, as `-[Class selector]`; empty if none.
  std::string FirstMissing(Capability capability) const;
};

FrameworkProbe ProbeFramework();

// `-[_ANEInMemoryModel unloadWithQoS:error:]`.
std::string Describe(const FrameworkMethod& method);

}  // namespace mayfly::ane
