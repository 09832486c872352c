#include "ane/objc_runtime.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#ifdef __APPLE__
#include <cxxabi.h>

#include <typeinfo>
#endif

#include "error.h"

namespace mayfly::ane {
namespace {

std::vector<std::string> LibraryPaths() {
  std::vector<std::string> paths;
  if (const char* named = std::getenv("MAYFLY_ANE_RUNTIME")) {
    const std::string list = named;
    for (size_t at = 0; at < list.size();) {
      const size_t end = std::min(list.find(':', at), list.size());
      if (end > at) paths.push_back(list.substr(at, end - at));
      at = end + 1;
    }
    return paths;
  }
#ifdef __APPLE__
  paths = {"/usr/lib/libobjc.A.dylib", "/System/Library/Frameworks/Foundation.framework/Foundation",
           "/System/Library/Frameworks/IOSurface.framework/IOSurface",
           "/System/Library/PrivateFrameworks/AppleNeuralEngine.framework/AppleNeuralEngine"};
#endif
  return paths;
}

}  // namespace

ObjcRuntime& ObjcRuntime::Get() {
  // Never unloaded: objects and threads of the framework may outlive every device.
  static ObjcRuntime* const runtime = new ObjcRuntime();
  return *runtime;
}

ObjcRuntime::ObjcRuntime() {
  const std::vector<std::string> paths = LibraryPaths();
  if (paths.empty()) {
    throw Error("ERR_DEVICE_UNAVAILABLE", "Expected macOS on Apple silicon for device ane, got another system");
  }
  for (const std::string& path : paths) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) {
      throw Error("ERR_DEVICE_UNAVAILABLE", "Expected to load " + path + " for device ane, got: " + dlerror());
    }
    libraries_.push_back(library);
  }
  Resolve(&get_class_, "objc_getClass");
  Resolve(&object_get_class_, "object_getClass");
  Resolve(&class_get_name_, "class_getName");
  Resolve(&sel_register_name_, "sel_registerName");
  Resolve(&class_responds_, "class_respondsToSelector");
  Resolve(&class_get_implementation_, "class_getMethodImplementation");
  Resolve(&class_get_instance_method_, "class_getInstanceMethod");
  Resolve(&method_get_argument_count_, "method_getNumberOfArguments");
  Resolve(&method_get_encoding_, "method_getTypeEncoding");
}

template <typename Function>
void ObjcRuntime::Resolve(Function* function, const char* name) const {
  *function = reinterpret_cast<Function>(Symbol(name));
}

void* ObjcRuntime::FindSymbol(const char* name) const {
  for (void* library : libraries_) {
    if (void* symbol = dlsym(library, name)) return symbol;
  }
  return nullptr;
}

void* ObjcRuntime::Symbol(const char* name) const {
  if (void* symbol = FindSymbol(name)) return symbol;
  throw Error("ERR_DEVICE_UNAVAILABLE", std::string("Expected the system to export ") + name + ", got no such symbol");
}

Class ObjcRuntime::FindClass(const char* name) const { return get_class_(name); }

Id ObjcRuntime::ClassNamed(const char* name) const {
  if (Class cls = get_class_(name)) return reinterpret_cast<Id>(cls);
  throw Error("ERR_ANE_CLASS", std::string("Expected class ") + name +
                                   " in this system's frameworks, got none (`mayfly doctor` lists what is there)");
}

Method ObjcRuntime::FindMethod(Class cls, const char* selector, bool class_method) const {
  if (class_method) cls = object_get_class_(reinterpret_cast<Id>(cls));
  return class_get_instance_method_(cls, Name(selector));
}

int ObjcRuntime::ArgumentCount(Method method) const { return static_cast<int>(method_get_argument_count_(method)) - 2; }

std::string ObjcRuntime::Encoding(Method method) const {
  const char* encoding = method_get_encoding_(method);
  return encoding == nullptr ? "" : encoding;
}

bool ObjcRuntime::Responds(Id receiver, const char* selector) const {
  return class_responds_(object_get_class_(receiver), Name(selector)) != 0;
}

void* ObjcRuntime::Implementation(Id receiver, const char* selector) const {
  if (receiver == nullptr) {
    throw Error("ERR_ANE_NIL", std::string("Expected an object to send ") + selector + " to, got nil");
  }
  const Class cls = object_get_class_(receiver);
  const Selector name = Name(selector);
  if (class_responds_(cls, name) == 0) {
    throw Error("ERR_ANE_SELECTOR", std::string("Expected ") + class_get_name_(cls) + " to answer " + selector +
                                        ", got no such method (`mayfly doctor` lists what is there)");
  }
  return class_get_implementation_(cls, name);
}

void ThrowCaught(const char* selector) {
  std::string thrown = "an exception";
#ifdef __APPLE__
  // Not with libstdc++, which reads the type of an exception from the memory before it, even if it is not a C++
  // exception.
  if (const std::type_info* type = abi::__cxa_current_exception_type()) {
    int status = 0;
    char* readable = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
    thrown = readable != nullptr ? readable : type->name();
    std::free(readable);
  }
#endif
  throw Error("ERR_ANE_EXCEPTION", std::string("Expected ") + selector + " to return, got " + thrown);
}

}  // namespace mayfly::ane
