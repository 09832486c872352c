// Objects of AppleNeuralEngine.framework's classes over the engine.
#pragma once

#include <string>

#include "engine.h"
#include "objc/foundation.h"

namespace mayfly::emulator {

struct DescriptorObject : Object {
  DescriptorObject(Class* cls, Object* milText, Object* weightFiles)
      : Object(cls), text(Retain(milText)), weights(Retain(weightFiles)) {}
  ~DescriptorObject() override {
    Release(text);
    Release(weights);
  }
  Object* text;
  Object* weights;
};

// An _ANEModel. The result of -[_ANEInMemoryModel model] is a view of its owner; that of modelAtURL:key: owns its
// model.
struct InnerModelObject : Object {
  InnerModelObject(Class* cls, EngineModel* model, bool is_owner) : Object(cls), engine(model), owner(is_owner) {}
  ~InnerModelObject() override {
    if (owner) EngineModelDestroy(engine);
  }
  EngineModel* engine;
  const bool owner;
};

struct ModelObject : Object {
  ModelObject(Class* cls, EngineModel* model) : Object(cls), engine(model) {}
  ~ModelObject() override {
    // A class of Apple's might do this: code that releases it needs a pool.
    Autorelease(new StringObject("released"));
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

// The result of a method for an outcome. Throws for an exception, and sets `error` for a failure that has one.
bool Finish(EngineOutcome outcome, const EngineError& failure, Object** error);
void RequireOptions(Object* options);
std::string TemporaryDirectory();
bool EvaluateEngine(EngineModel* model, Object* options, Object* request, Object** error);

}  // namespace mayfly::emulator
