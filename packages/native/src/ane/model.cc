#include "ane/model.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "ane/foundation.h"

namespace mayfly::ane {
namespace {

constexpr std::chrono::milliseconds kLoadRetryDelay{100};

std::atomic<int> compilations{0};

void Require(Bool ok, Phase phase, Id error) {
  if (ok == 0) throw FailureOf(phase, ReportOf(error), compilations);
}

Id DescriptorOf(std::string_view text, const std::vector<mil::WeightFile>& weights) {
  std::vector<std::pair<Id, Id>> files;
  for (const mil::WeightFile& file : weights) {
    files.emplace_back(String(file.path),
                       Dictionary({{String("offset"), Number(0)}, {String("data"), Data(file.data, file.bytes)}}));
  }
  return Send(ObjcRuntime::Get().ClassNamed("_ANEInMemoryModelDescriptor"),
              "modelWithMILText:weights:optionsPlist:", Data(text.data(), text.size()), Dictionary(files), Id{nullptr});
}

// Checked, since it names a directory that is written to and removed.
void RequireName(const std::string& identifier) {
  constexpr const char* kAllowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
  if (!identifier.empty() && identifier.find_first_not_of(kAllowed) == std::string::npos) return;
  throw Error("ERR_ANE_COMPILE", "Expected hexStringIdentifier to return hexadecimal digits, got `" + identifier + "`");
}

}  // namespace

int CompilationsOfProcess() { return compilations; }

Model::Model(std::string_view text, const std::vector<mil::WeightFile>& weights, unsigned quality_of_service)
    : quality_of_service_(quality_of_service) {
  const AutoreleasePool pool;
  const Id descriptor = DescriptorOf(text, weights);
  if (descriptor == nullptr) throw FailureOf(Phase::kDescribe, std::nullopt, compilations);
  const Id model = Send(ObjcRuntime::Get().ClassNamed("_ANEInMemoryModel"), "inMemoryModelWithDescriptor:", descriptor);
  if (model == nullptr) throw FailureOf(Phase::kDescribe, std::nullopt, compilations);
  model_ = Owned::Retain(model);
  options_ = Owned::Retain(Dictionary());
  identifier_ = Utf8(Send(model, "hexStringIdentifier"));
  RequireName(identifier_);
}

Model::~Model() {
  if (!loaded_) return;
  PrintFailure([this] { Unload(); });
}

void Model::Compile() {
  const AutoreleasePool pool;
  ++compilations;
  Id error = nullptr;
  const Bool ok =
      Send<Bool>(model_.get(), "compileWithQoS:options:error:", quality_of_service_, options_.get(), &error);
  Require(ok, Phase::kCompile, error);
}

void Model::Load() {
  for (bool last : {false, true}) {
    const AutoreleasePool pool;
    Id error = nullptr;
    const Bool ok = Send<Bool>(model_.get(), "loadWithQoS:options:error:", quality_of_service_, options_.get(), &error);
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
  switch (path) {
    case EvaluationPath::kStandard:
      ok = Send<Bool>(model_.get(), "evaluateWithQoS:options:request:error:", quality_of_service_, options_.get(),
                      request, &error);
      break;
    case EvaluationPath::kDirect:
      ok = Send<Bool>(Send(ObjcRuntime::Get().ClassNamed("_ANEClient"), "sharedConnection"),
                      "doEvaluateDirectWithModel:options:request:qos:error:", Send(model_.get(), "model"),
                      options_.get(), request, quality_of_service_, &error);
      break;
  }
  Require(ok, Phase::kEvaluate, error);
}

void Model::Unload() {
  const AutoreleasePool pool;
  loaded_ = false;
  Id error = nullptr;
  const Bool ok = Send<Bool>(model_.get(), "unloadWithQoS:error:", quality_of_service_, &error);
  Require(ok, Phase::kUnload, error);
}

}  // namespace mayfly::ane
