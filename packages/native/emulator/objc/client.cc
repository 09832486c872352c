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

EngineModel* EngineOf(Object* model) { return As<InnerModelObject>(model, "an _ANEModel")->engine; }

const char* OptionNamed(Object* options, const char* key) {
  const auto* value = As<StringObject>(As<DictionaryObject>(options, "an NSDictionary")->Find(key), "an NSString");
  return value == nullptr ? nullptr : value->value.c_str();
}

bool CompileModel(Object*, Selector, Object* model, Object* options, unsigned, Object** error) {
  RequireOptions(options);
  EngineError failure = {};
  const EngineOutcome outcome =
      EngineClientCompile(EngineOf(model), TemporaryDirectory().c_str(), OptionNamed(options, "kANEFModelType"),
                          OptionNamed(options, "kANEFNetPlistFilenameKey"), &failure);
  return Finish(outcome, failure, error);
}

bool CompiledModelExists(Object*, Selector, Object* model) {
  return EngineClientIsCompiled(EngineOf(model), TemporaryDirectory().c_str()) != 0;
}

void PurgeCompiledModel(Object*, Selector, Object* model) {
  EngineClientPurge(EngineOf(model), TemporaryDirectory().c_str());
}

bool LoadModel(Object*, Selector, Object* model, Object* options, unsigned, Object** error) {
  RequireOptions(options);
  EngineError failure = {};
  return Finish(EngineModelLoad(EngineOf(model), TemporaryDirectory().c_str(), &failure), failure, error);
}

bool EvaluateModel(Object*, Selector, Object* model, Object* options, Object* request, unsigned, Object** error) {
  return EvaluateEngine(EngineOf(model), options, request, error);
}

bool UnloadModel(Object*, Selector, Object* model, Object* options, unsigned, Object** error) {
  RequireOptions(options);
  EngineError failure = {};
  return Finish(EngineModelUnload(EngineOf(model), TemporaryDirectory().c_str(), &failure), failure, error);
}

const bool classes = [] {
  Class* device = DefineClass("_ANEDeviceInfo");
  AddClassMethod(device, "aneSubType", Chip);
  AddClassMethod(device, "hasANE", HasEngine);
  Class* client = DefineClass("_ANEClient");
  AddClassMethod(client, "sharedConnection", SharedClient);
  AddInstanceMethod(client, "compileModel:options:qos:error:", CompileModel);
  AddInstanceMethod(client, "compiledModelExistsFor:", CompiledModelExists);
  AddInstanceMethod(client, "purgeCompiledModel:", PurgeCompiledModel);
  AddInstanceMethod(client, "loadModel:options:qos:error:", LoadModel);
  AddInstanceMethod(client, "evaluateWithModel:options:request:qos:error:", EvaluateModel);
  AddInstanceMethod(client, "unloadModel:options:qos:error:", UnloadModel);
  AddInstanceMethod(client, "doEvaluateDirectWithModel:options:request:qos:error:", EvaluateDirect);
  return true;
}();

}  // namespace
