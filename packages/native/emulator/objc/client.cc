// The connection to the service, and the framework's description of the machine.
#include "objc/method.h"
#include "objc/neural_engine.h"

using namespace mayfly::emulator;

namespace {

Object* Chip(Object*, Selector) { return Autorelease(new StringObject(EngineChip())); }

bool HasEngine(Object*, Selector) { return EngineIsPresent() != 0; }

Object* SharedClient(Object* self, Selector) {
  static auto* const client = [&] {
    auto* made = new Object(static_cast<Class*>(self));
    made->immortal = true;
    return made;
  }();
  return client;
}

bool EvaluateDirect(Object*, Selector, Object* model, Object* options, Object* request, unsigned, Object** error) {
  return EvaluateEngine(As<InnerModelObject>(model, "an _ANEModel")->engine, options, request, error);
}

const bool classes = [] {
  Class* device = DefineClass("_ANEDeviceInfo");
  AddClassMethod(device, "aneSubType", Chip);
  AddClassMethod(device, "hasANE", HasEngine);
  Class* client = DefineClass("_ANEClient");
  AddClassMethod(client, "sharedConnection", SharedClient);
  AddInstanceMethod(client, "doEvaluateDirectWithModel:options:request:qos:error:", EvaluateDirect);
  return true;
}();

}  // namespace
