#include "ane/model.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "ane/foundation.h"

namespace mayfly::ane {
namespace {

// The only class of service that anybody runs; no other is faster.
constexpr unsigned kQualityOfService = 21;
constexpr std::chrono::milliseconds kLoadRetryDelay{100};

std::atomic<int> compilations{0};

void Require(Bool ok, Phase phase, Id error) {
  if (ok == 0) throw FailureOf(phase, ReportOf(error), compilations);
}

Id DescriptorOf(std::string_view text, const std::vector<WeightFile>& weights) {
  std::vector<std::pair<Id, Id>> files;
  for (const WeightFile& file : weights) {
    files.emplace_back(String(file.path), Dictionary({{String("offset"), Number(0)},
                                                      {String("data"), Data(file.data, file.bytes)}}));
  }
  return Send(ObjcRuntime::Get().ClassNamed("_ANEInMemoryModelDescriptor"), "modelWithMILText:weights:optionsPlist:",
              Data(text.data(), text.size()), Dictionary(files), Id{nullptr});
}

}  // namespace

int CompilationsOfProcess() { return compilations; }

Model::Model(std::string_view text, const std::vector<WeightFile>& weights) {
  const AutoreleasePool pool;
  const Id descriptor = DescriptorOf(text, weights);
  if (descriptor == nullptr) throw FailureOf(Phase::kDescribe, std::nullopt, compilations);
  const Id model = Send(ObjcRuntime::Get().ClassNamed("_ANEInMemoryModel"), "inMemoryModelWithDescriptor:", descriptor);
  if (model == nullptr) throw FailureOf(Phase::kDescribe, std::nullopt, compilations);
  model_ = Owned::Retain(model);
  options_ = Owned::Retain(Dictionary());
  identifier_ = Utf8(Send(model, "hexStringIdentifier"));
}

Model::~Model() {
  if (!loaded_) return;
  try {
    Unload();
  } catch (const Error& error) {
    std::fprintf(stderr, "mayfly: %s\n", error.what());
  }
}

bool Model::CompiledModelExists() const {
  const AutoreleasePool pool;
  return Send<Bool>(model_.get(), "compiledModelExists") != 0;
}

void Model::Compile() {
  const AutoreleasePool pool;
  ++compilations;
  Id error = nullptr;
  const Bool ok =
      Send<Bool>(model_.get(), "compileWithQoS:options:error:", kQualityOfService, options_.get(), &error);
  Require(ok, Phase::kCompile, error);
}

void Model::Load() {
  for (bool last : {false, true}) {
    const AutoreleasePool pool;
    Id error = nullptr;
    const Bool ok = Send<Bool>(model_.get(), "loadWithQoS:options:error:", kQualityOfService, options_.get(), &error);
    loaded_ = ok != 0;
    if (loaded_) return;
    if (last) Require(ok, Phase::kLoad, error);
    std::this_thread::sleep_for(kLoadRetryDelay);
  }
}

void Model::Evaluate(Id request, EvaluationPath path) {
  const AutoreleasePool pool;
  Id error = nullptr;
  Bool ok = 0;
  if (path == EvaluationPath::kStandard) {
    ok = Send<Bool>(model_.get(), "evaluateWithQoS:options:request:error:", kQualityOfService, options_.get(), request,
                    &error);
  } else {
    const Id client = Send(ObjcRuntime::Get().ClassNamed("_ANEClient"), "sharedConnection");
    const Id inner = Send(model_.get(), "model");
    ok = path == EvaluationPath::kDirect
             ? Send<Bool>(client, "doEvaluateDirectWithModel:options:request:qos:error:", inner, options_.get(), request,
                          kQualityOfService, &error)
             : Send<Bool>(client, "evaluateRealTimeWithModel:options:request:error:", inner, options_.get(), request,
                          &error);
  }
  Require(ok, Phase::kEvaluate, error);
}

void Model::Unload() {
  const AutoreleasePool pool;
  loaded_ = false;
  Id error = nullptr;
  const Bool ok = Send<Bool>(model_.get(), "unloadWithQoS:error:", kQualityOfService, &error);
  Require(ok, Phase::kUnload, error);
}

}  // namespace mayfly::ane
