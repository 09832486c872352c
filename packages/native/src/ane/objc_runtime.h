// The Objective-C runtime through its C API, resolved at run time: no Apple header, nothing on the link line.
//
// A message is sent by asking class_respondsToSelector and calling what class_getMethodImplementation returns, which
// Apple's and GCC's runtimes both offer. A selector that a release of macOS drops is a typed error, never a crash.
//
// Exceptions: every message goes through Send, which catches whatever the method throws (on Apple's runtime an
// Objective-C exception is a C++ one; GCC's are foreign exceptions, which `catch (...)` takes, too) and throws
// ERR_ANE_EXCEPTION in its place. No Objective-C exception unwinds further than that, and none leaves a destructor.
#pragma once

#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace mayfly::ane {

struct Object;
struct ClassObject;
struct SelectorName;
struct MethodEntry;

using Id = Object*;
using Class = ClassObject*;
using Selector = const SelectorName*;
using Method = const MethodEntry*;
// Objective-C's BOOL is a signed char or a bool. It has one byte everywhere, and any value but 0 is true.
using Bool = unsigned char;

class ObjcRuntime {
 public:
  // Loads the libraries on the first call: those named by MAYFLY_ANE_RUNTIME (separated by colons), else, on macOS,
  // libobjc, Foundation, IOSurface and the private AppleNeuralEngine framework. Throws ERR_DEVICE_UNAVAILABLE.
  static ObjcRuntime& Get();

  // A C function or constant of any of the libraries; null if none has it.
  void* FindSymbol(const char* name) const;
  // Throws ERR_DEVICE_UNAVAILABLE.
  void* Symbol(const char* name) const;

  // Null if no class has this name.
  Class FindClass(const char* name) const;
  // Throws ERR_ANE_CLASS.
  Id ClassNamed(const char* name) const;

  // For the probe. Null if the method is absent. A class method is an instance method of the class's class.
  Method FindMethod(Class cls, const char* selector, bool class_method) const;
  // Does not count the receiver and the selector.
  int ArgumentCount(Method method) const;
  std::string Encoding(Method method) const;

  Selector Name(const char* selector) const { return sel_register_name_(selector); }
  // The function that `receiver` answers `selector` with. Throws ERR_ANE_NIL or ERR_ANE_SELECTOR.
  void* Implementation(Id receiver, const char* selector) const;
  bool Responds(Id receiver, const char* selector) const;

 private:
  ObjcRuntime();
  template <typename Function>
  void Resolve(Function* function, const char* name) const;

  std::vector<void*> libraries_;
  Class (*get_class_)(const char*);
  Class (*object_get_class_)(Id);
  const char* (*class_get_name_)(Class);
  Selector (*sel_register_name_)(const char*);
  Bool (*class_responds_)(Class, Selector);
  void* (*class_get_implementation_)(Class, Selector);
  Method (*class_get_instance_method_)(Class, Selector);
  unsigned (*method_get_argument_count_)(Method);
  const char* (*method_get_encoding_)(Method);
};

// Call in a catch block: throws ERR_ANE_EXCEPTION naming the message and, where the C++ runtime knows it, the
// exception's class.
[[noreturn]] void ThrowCaught(const char* selector);

// Sends a message. Nothing checks that the template's types are those of the method.
template <typename Result = Id, typename... Arguments>
Result Send(Id receiver, const char* selector, Arguments... arguments) {
  const ObjcRuntime& runtime = ObjcRuntime::Get();
  const auto method =
      reinterpret_cast<Result (*)(Id, Selector, Arguments...)>(runtime.Implementation(receiver, selector));
  try {
    return method(receiver, runtime.Name(selector), arguments...);
  } catch (...) {
    ThrowCaught(selector);
  }
}

// For destructors: prints what `body` throws as one line on stderr.
template <typename Body>
void PrintFailure(const Body& body) noexcept {
  try {
    body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mayfly: %s\n", error.what());
  }
}

// Objects that methods return without ownership live until the innermost pool of the thread ends. Every call that sends
// messages needs a pool around it.
class AutoreleasePool {
 public:
  AutoreleasePool() : pool_(Send(Send(ObjcRuntime::Get().ClassNamed("NSAutoreleasePool"), "alloc"), "init")) {}
  AutoreleasePool(const AutoreleasePool&) = delete;
  AutoreleasePool& operator=(const AutoreleasePool&) = delete;
  ~AutoreleasePool() {
    PrintFailure([this] { Send<void>(pool_, "drain"); });
  }

 private:
  Id pool_;
};

// Owns one reference to an object (its retain count) and releases it in the destructor.
class Owned {
 public:
  Owned() = default;
  // Takes over the reference that alloc, new, copy or retain returned.
  static Owned Adopt(Id object) { return Owned(object); }
  // Retains an object that any other method returned.
  static Owned Retain(Id object) { return Owned(object == nullptr ? nullptr : Send(object, "retain")); }

  Owned(Owned&& other) noexcept : object_(other.object_) { other.object_ = nullptr; }
  Owned& operator=(Owned&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  // An object may autorelease others while it is deallocated.
  ~Owned() {
    if (object_ == nullptr) return;
    PrintFailure([this] {
      const AutoreleasePool pool;
      Send<void>(object_, "release");
    });
  }

  Id get() const { return object_; }

 private:
  explicit Owned(Id object) : object_(object) {}

  Id object_ = nullptr;
};

}  // namespace mayfly::ane
