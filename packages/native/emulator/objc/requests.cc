// Surfaces, requests and evaluations.
#include "objc/method.h"
#include "objc/neural_engine.h"

using namespace mayfly::emulator;

namespace mayfly::emulator {

bool Finish(EngineOutcome outcome, const EngineError& failure, Object** error) {
  if (outcome == ENGINE_EXCEPTION) throw NSException{"injected"};
  if (outcome == ENGINE_FAILED && failure.domain != nullptr && error != nullptr) {
    std::vector<std::pair<std::string, Object*>> entries;
    if (failure.underlying_text[0] != 0) {
      const std::vector<std::pair<std::string, Object*>> none;
      entries.emplace_back("NSUnderlyingError",
                           new ErrorObject(failure.domain, failure.underlying_code, failure.underlying_text, none));
    }
    if (failure.stage != 0) {
      entries.emplace_back("_ANEErrorUnderlyingStatus", new NumberObject(static_cast<uint64_t>(failure.status)));
      entries.emplace_back("_ANEErrorLoadStage", new NumberObject(static_cast<uint64_t>(failure.stage)));
    }
    *error = Autorelease(new ErrorObject(failure.domain, failure.code, failure.text, entries));
  }
  return outcome == ENGINE_OK;
}

void RequireOptions(Object* options) {
  if (As<DictionaryObject>(options, "an NSDictionary as options") == nullptr) Die("options are nil");
}

bool EvaluateEngine(EngineModel* model, Object* options, Object* request, Object** error) {
  RequireOptions(options);
  auto* given = As<RequestObject>(request, "an _ANERequest");
  std::vector<EngineSurface*> surfaces[2];
  for (int side : {0, 1}) {
    for (Object* wrapper : static_cast<ArrayObject*>(side == 0 ? given->inputs : given->outputs)->elements) {
      surfaces[side].push_back(As<SurfaceObject>(wrapper, "an _ANEIOSurfaceObject")->surface);
    }
  }
  EngineError failure = {};
  const EngineOutcome outcome = EngineModelEvaluate(model, surfaces[0].data(), surfaces[0].size(), surfaces[1].data(),
                                                    surfaces[1].size(), &failure);
  return Finish(outcome, failure, error);
}

}  // namespace mayfly::emulator

namespace {

Object* WrapSurface(Object* self, Selector, void* surface) {
  if (surface == nullptr) return nullptr;
  return Autorelease(new SurfaceObject(static_cast<Class*>(self), static_cast<EngineSurface*>(surface)));
}

void RequireIndices(Object* wrappers, Object* indices) {
  const auto& surfaces = *As<ArrayObject>(wrappers, "an NSArray of surfaces");
  const auto& numbers = *As<ArrayObject>(indices, "an NSArray of indices");
  if (surfaces.elements.size() != numbers.elements.size())
    Die("a request with as many indices as surfaces was expected");
  for (size_t i = 0; i < numbers.elements.size(); ++i) {
    if (As<NumberObject>(numbers.elements[i], "an NSNumber as index")->value != i) Die("expected indices 0 … n − 1");
  }
}

Object* MakeRequest(Object* self, Selector, Object* inputs, Object* input_indices, Object* outputs,
                    Object* output_indices, Object* weights, Object* statistics, Object* procedure) {
  RequireIndices(inputs, input_indices);
  RequireIndices(outputs, output_indices);
  if (weights != nullptr || statistics != nullptr) Die("expected nil as weights buffer and statistics");
  if (As<NumberObject>(procedure, "an NSNumber as procedure index")->value != 0) Die("expected procedure 0");
  return Autorelease(new RequestObject(static_cast<Class*>(self), inputs, outputs));
}

const bool classes = [] {
  AddClassMethod(DefineClass("_ANEIOSurfaceObject"), "objectWithIOSurface:", WrapSurface);
  Class* request = DefineClass("_ANERequest");
  AddClassMethod(
      request,
      "requestWithInputs:inputIndices:outputs:outputIndices:weightsBuffer:perfStats:procedureIndex:", MakeRequest);
  return true;
}();

}  // namespace
