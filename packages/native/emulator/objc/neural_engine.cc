// AppleNeuralEngine.framework's classes over the engine.
#include "engine.h"
#include "objc/foundation.h"
#include "objc/method.h"

using namespace mayfly::emulator;

extern "C" Object* NSTemporaryDirectory();

namespace {

struct DescriptorObject : Object {
  DescriptorObject(Class* cls, Object* milText, Object* weightFiles) : Object(cls), text(Retain(milText)), weights(Retain(weightFiles)) {}
  ~DescriptorObject() override {
    Release(text);
    Release(weights);
  }
  Object* text;
  Object* weights;
};

// What -[_ANEInMemoryModel model] returns: a view of its owner.
struct InnerModelObject : Object {
  InnerModelObject(Class* cls, EngineModel* model) : Object(cls), engine(model) {}
  EngineModel* engine;
};

struct ModelObject : Object {
  ModelObject(Class* cls, EngineModel* model) : Object(cls), engine(model) {}
  ~ModelObject() override {
    Release(inner);
    EngineModelDestroy(engine);
  }
  EngineModel* engine;
  Object* inner = nullptr;
};

struct SurfaceObject : Object {
  SurfaceObject(Class* cls, EngineSurface* given) : Object(cls), surface(given) { EngineSurfaceRetain(surface); }
  ~SurfaceObject() override { EngineSurfaceRelease(surface); }
  EngineSurface* surface;
};

struct RequestObject : Object {
  RequestObject(Class* cls, Object* in, Object* out) : Object(cls), inputs(Retain(in)), outputs(Retain(out)) {}
  ~RequestObject() override {
    Release(inputs);
    Release(outputs);
  }
  Object* inputs;
  Object* outputs;
};

std::string TemporaryDirectory() { return As<StringObject>(NSTemporaryDirectory(), "an NSString")->value; }

bool Finish(EngineOutcome outcome, const EngineError& failure, Object** error) {
  if (outcome == ENGINE_EXCEPTION) throw NSException{"injected"};
  if (outcome == ENGINE_FAILED && failure.domain != nullptr && error != nullptr) {
    ErrorObject* underlying = nullptr;
    if (failure.underlying_text[0] != 0) {
      underlying = new ErrorObject(failure.domain, failure.underlying_code, failure.underlying_text, nullptr);
    }
    *error = Autorelease(new ErrorObject(failure.domain, failure.code, failure.text, underlying));
  }
  return outcome == ENGINE_OK;
}

void RequireOptions(Object* options) {
  if (As<DictionaryObject>(options, "an NSDictionary as options") == nullptr) Die("options are nil");
}

Object* MakeDescriptor(Object* self, Selector, Object* text, Object* weights, Object* plist) {
  if (As<DataObject>(text, "an NSData as MIL text") == nullptr || As<DictionaryObject>(weights, "an NSDictionary as weights") == nullptr) {
    return nullptr;
  }
  if (plist != nullptr) Die("expected nil as options property list");
  return Autorelease(new DescriptorObject(static_cast<Class*>(self), text, weights));
}

Object* MakeModel(Object* self, Selector, Object* descriptor) {
  const auto* given = As<DescriptorObject>(descriptor, "a descriptor");
  const auto& text = *static_cast<DataObject*>(given->text);
  std::vector<EngineFile> files;
  for (const auto& [path, entry] : static_cast<DictionaryObject*>(given->weights)->entries) {
    const auto* file = As<DictionaryObject>(entry, "an NSDictionary as weight file");
    const auto* data = As<DataObject>(file->Find("data"), "an NSData as data of a weight file");
    if (As<NumberObject>(file->Find("offset"), "an NSNumber as offset of a weight file") == nullptr || data == nullptr) {
      Die("expected a weight file with offset and data");
    }
    files.push_back({As<StringObject>(path, "an NSString as path")->value.c_str(), data->bytes.data(), data->bytes.size()});
  }
  EngineModel* model = EngineModelCreate(text.bytes.data(), text.bytes.size(), files.data(), files.size());
  return Autorelease(new ModelObject(static_cast<Class*>(self), model));
}

EngineModel* EngineOf(Object* self) { return As<ModelObject>(self, "an _ANEInMemoryModel")->engine; }

Object* Identifier(Object* self, Selector) { return Autorelease(new StringObject(EngineModelIdentifier(EngineOf(self)))); }

bool CompileModel(Object* self, Selector, unsigned, Object* options, Object** error) {
  RequireOptions(options);
  EngineError failure = {};
  return Finish(EngineModelCompile(EngineOf(self), TemporaryDirectory().c_str(), &failure), failure, error);
}

bool LoadModel(Object* self, Selector, unsigned, Object* options, Object** error) {
  RequireOptions(options);
  EngineError failure = {};
  return Finish(EngineModelLoad(EngineOf(self), TemporaryDirectory().c_str(), &failure), failure, error);
}

bool UnloadModel(Object* self, Selector, unsigned, Object** error) {
  EngineError failure = {};
  return Finish(EngineModelUnload(EngineOf(self), &failure), failure, error);
}

bool EvaluateEngine(EngineModel* model, Object* options, Object* request, Object** error) {
  RequireOptions(options);
  const auto* given = As<RequestObject>(request, "an _ANERequest");
  std::vector<EngineSurface*> surfaces[2];
  for (int side : {0, 1}) {
    for (Object* wrapper : static_cast<ArrayObject*>(side == 0 ? given->inputs : given->outputs)->elements) {
      surfaces[side].push_back(As<SurfaceObject>(wrapper, "an _ANEIOSurfaceObject")->surface);
    }
  }
  EngineError failure = {};
  return Finish(EngineModelEvaluate(model, surfaces[0].data(), surfaces[0].size(), surfaces[1].data(), surfaces[1].size(), &failure),
                failure, error);
}

bool EvaluateModel(Object* self, Selector, unsigned, Object* options, Object* request, Object** error) {
  return EvaluateEngine(EngineOf(self), options, request, error);
}

bool CompiledModelExists(Object* self, Selector) {
  return EngineModelIsCompiled(EngineOf(self), TemporaryDirectory().c_str()) != 0;
}

void PurgeCompiledModel(Object* self, Selector) { EngineModelPurge(EngineOf(self), TemporaryDirectory().c_str()); }

Class* inner_model_class = nullptr;

Object* InnerModel(Object* self, Selector) {
  auto* model = As<ModelObject>(self, "an _ANEInMemoryModel");
  if (model->inner == nullptr) model->inner = new InnerModelObject(inner_model_class, model->engine);
  return model->inner;
}

Object* WrapSurface(Object* self, Selector, void* surface) {
  if (surface == nullptr) return nullptr;
  return Autorelease(new SurfaceObject(static_cast<Class*>(self), static_cast<EngineSurface*>(surface)));
}

void RequireIndices(Object* wrappers, Object* indices) {
  const auto& surfaces = *As<ArrayObject>(wrappers, "an NSArray of surfaces");
  const auto& numbers = *As<ArrayObject>(indices, "an NSArray of indices");
  if (surfaces.elements.size() != numbers.elements.size()) Die("a request with as many indices as surfaces was expected");
  for (size_t i = 0; i < numbers.elements.size(); ++i) {
    if (As<NumberObject>(numbers.elements[i], "an NSNumber as index")->value != i) Die("expected indices 0 … n − 1");
  }
}

Object* MakeRequest(Object* self, Selector, Object* inputs, Object* input_indices, Object* outputs, Object* output_indices,
                    Object* weights, Object* statistics, Object* procedure) {
  RequireIndices(inputs, input_indices);
  RequireIndices(outputs, output_indices);
  if (weights != nullptr || statistics != nullptr) Die("expected nil as weights buffer and statistics");
  if (As<NumberObject>(procedure, "an NSNumber as procedure index")->value != 0) Die("expected procedure 0");
  return Autorelease(new RequestObject(static_cast<Class*>(self), inputs, outputs));
}

Object* Chip(Object*, Selector) { return Autorelease(new StringObject(EngineChip())); }

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

bool EvaluateRealTime(Object*, Selector, Object* model, Object* options, Object* request, Object** error) {
  return EvaluateEngine(As<InnerModelObject>(model, "an _ANEModel")->engine, options, request, error);
}

// Needs an entitlement that no developer has.
bool RealTimeTask(Object*, Selector) { return false; }

const bool classes = [] {
  Class* descriptor = DefineClass("_ANEInMemoryModelDescriptor");
  AddClassMethod(descriptor, "modelWithMILText:weights:optionsPlist:", MakeDescriptor);
  Class* model = DefineClass("_ANEInMemoryModel");
  AddClassMethod(model, "inMemoryModelWithDescriptor:", MakeModel);
  AddInstanceMethod(model, "hexStringIdentifier", Identifier);
  AddInstanceMethod(model, "compileWithQoS:options:error:", CompileModel);
  AddInstanceMethod(model, "loadWithQoS:options:error:", LoadModel);
  AddInstanceMethod(model, "unloadWithQoS:error:", UnloadModel);
  AddInstanceMethod(model, "evaluateWithQoS:options:request:error:", EvaluateModel);
  AddInstanceMethod(model, "compiledModelExists", CompiledModelExists);
  AddInstanceMethod(model, "purgeCompiledModel", PurgeCompiledModel);
  AddInstanceMethod(model, "model", InnerModel);
  inner_model_class = DefineClass("_ANEModel");
  AddClassMethod(DefineClass("_ANEIOSurfaceObject"), "objectWithIOSurface:", WrapSurface);
  AddClassMethod(DefineClass("_ANERequest"),
                 "requestWithInputs:inputIndices:outputs:outputIndices:weightsBuffer:perfStats:procedureIndex:", MakeRequest);
  AddClassMethod(DefineClass("_ANEDeviceInfo"), "aneSubType", Chip);
  Class* client = DefineClass("_ANEClient");
  AddClassMethod(client, "sharedConnection", SharedClient);
  AddInstanceMethod(client, "doEvaluateDirectWithModel:options:request:qos:error:", EvaluateDirect);
  AddInstanceMethod(client, "evaluateRealTimeWithModel:options:request:error:", EvaluateRealTime);
  AddInstanceMethod(client, "beginRealTimeTask", RealTimeTask);
  AddInstanceMethod(client, "endRealTimeTask", RealTimeTask);
  return true;
}();

}  // namespace
