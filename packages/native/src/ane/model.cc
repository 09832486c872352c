#include "ane/model.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "ane/client_model.h"
#include "ane/foundation.h"
#include "ane/framework.h"
#include "ane/in_memory_model.h"

namespace mayfly::ane {
namespace {

constexpr std::chrono::milliseconds kLoadRetryDelay{100};

std::atomic<int> compilations{0};
std::atomic<int> loaded_programs{0};

void Require(Bool ok, Phase phase, Id error) {
  if (ok == 0) throw FailureOf(phase, ReportOf(error), UseOfProcess());
}

std::unique_ptr<FrameworkModel> MakeModel(Api api, std::string_view text, const std::vector<mil::WeightFile>& weights,
                                          unsigned quality_of_service) {
  if (api == Api::kClient) return std::make_unique<ClientModel>(text, weights, quality_of_service);
  return std::make_unique<InMemoryModel>(text, weights, quality_of_service);
}

}  // namespace

ProcessUse UseOfProcess() { return {compilations, loaded_programs}; }

Model::Model(Api api, std::string_view text, const std::vector<mil::WeightFile>& weights, unsigned quality_of_service)
    : model_(MakeModel(api, text, weights, quality_of_service)), quality_of_service_(quality_of_service) {}

bool Model::IsCompiled() const {
  const AutoreleasePool pool;
  return model_->IsCompiled();
}

void Model::Compile() {
  const AutoreleasePool pool;
  ++compilations;
  Id error = nullptr;
  const Bool ok = model_->Compile(&error);
  Require(ok, Phase::kCompile, error);
}

void Model::Load() {
  for (bool last : {false, true}) {
    const AutoreleasePool pool;
    Id error = nullptr;
    const Bool ok = model_->Load(&error);
    loaded_ = ok != 0;
    if (loaded_) {
      ++loaded_programs;
      return;
    }
    if (last) Require(ok, Phase::kLoad, error);
    std::this_thread::sleep_for(kLoadRetryDelay);
  }
}

void Model::Evaluate(Id request, EvaluationPath path) {
  const AutoreleasePool pool;
  Id error = nullptr;
  Bool ok = 0;
  switch (path) {
    case EvaluationPath::kStandard: ok = model_->Evaluate(request, &error); break;
    case EvaluationPath::kDirect:
      ok = Send<Bool>(Send(ObjcRuntime::Get().ClassNamed("_ANEClient"), "sharedConnection"),
                      "doEvaluateDirectWithModel:options:request:qos:error:", model_->inner(), Dictionary(), request,
                      quality_of_service_, &error);
      break;
  }
  Require(ok, Phase::kEvaluate, error);
}

void Model::Unload() {
  const AutoreleasePool pool;
  if (loaded_) --loaded_programs;
  loaded_ = false;
  Id error = nullptr;
  const Bool ok = model_->Unload(&error);
  Require(ok, Phase::kUnload, error);
}

std::vector<std::string> Model::Symbols(const char* key) const {
  if (!ProbeFramework().Has(Capability::kAttributes)) return {};
  const AutoreleasePool pool;
  std::vector<std::string> symbols;
  try {
    const Id attributes = model_->Attributes();
    const Id description = attributes == nullptr ? nullptr : Find(attributes, "ANEFModelDescription");
    const Id list = description == nullptr ? nullptr : Find(description, key);
    const auto count = list == nullptr ? 0 : Send<unsigned long>(list, "count");
    for (unsigned long i = 0; i < count; ++i) symbols.push_back(Utf8(Send(list, "objectAtIndex:", i)));
  } catch (const Error&) {
    // Another class than expected.
    return {};
  }
  return symbols;
}

void Model::Purge() {
  const AutoreleasePool pool;
  model_->Purge();
}

}  // namespace mayfly::ane
