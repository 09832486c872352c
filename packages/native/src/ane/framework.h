// The classes and methods of AppleNeuralEngine.framework that this device uses, in one table, and a probe that says
// which of them this system has. Selectors and argument kinds: the public reverse engineering named in
// docs/internals/ane.md.
#pragma once

#include <string>
#include <vector>

namespace mayfly::ane {

// The kinds of a method's result and arguments, read from its type encoding. A message sent with an argument of the
// wrong size or register class is undefined behaviour, so the kinds are compared before the first message is sent. One
// letter for the result and one for each argument, without receiver and selector: `v` nothing, `b` one byte (BOOL is a
// char or a bool, by system), `i` 32 bits, `q` 64 bits, `@` an object or class, `p` a pointer, `f` and `d` floating
// point, `?` anything else. `c28@0:8I16@20^@28` is `bi@p`.
std::string KindsOf(const std::string& encoding);

// The feature that needs a method. All but kCore are optional.
enum class Capability { kCore, kChip, kEngine, kAttributes, kConnection, kClient, kDirect };

struct FrameworkMethod {
  const char* cls;
  const char* selector;
  bool class_method;
  // KindsOf the encoding that this addon expects.
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
  // From the runtime; -1 and empty if the method is absent.
  int arguments;
  std::string encoding;

  // Whether it is present and has the arguments and the result that this addon expects.
  bool usable() const;
};

struct FrameworkProbe {
  // The reason why nothing could be probed; empty if it could.
  std::string unavailable;
  std::vector<ProbedMethod> methods;

  bool Has(Capability capability) const;
  // The first method that a capability lacks, as `-[Class selector]`; empty if it lacks none.
  std::string FirstMissing(Capability capability) const;
};

FrameworkProbe ProbeFramework();

// `-[_ANEInMemoryModel unloadWithQoS:error:]`.
std::string Describe(const FrameworkMethod& method);

}  // namespace mayfly::ane
