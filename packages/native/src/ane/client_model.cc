#include "ane/client_model.h"

#include "ane/content_hash.h"
#include "ane/foundation.h"
#include "ane/model.h"
#include "ane/staging.h"

namespace mayfly::ane {
namespace {

// Names the form and the file of the program: without them the compiler looks for an Espresso network.
Id CompileOptions() {
  return Dictionary(
      {{String("kANEFModelType"), String("kANEFModelMIL")}, {String("kANEFNetPlistFilenameKey"), String(kStagedText)}});
}

}  // namespace

ClientModel::ClientModel(std::string_view text, const std::vector<mil::WeightFile>& weights,
                         unsigned quality_of_service)
    : identifier_(ContentName(text, weights)), quality_of_service_(quality_of_service) {
  const AutoreleasePool pool;
  const Id url = Send(ObjcRuntime::Get().ClassNamed("NSURL"),
                      "fileURLWithPath:isDirectory:", String(StagedDirectory::PathOf(identifier_)), Bool{1});
  const Id model = Send(ObjcRuntime::Get().ClassNamed("_ANEModel"), "modelAtURL:key:", url, String(identifier_));
  if (model == nullptr) throw FailureOf(Phase::kDescribe, std::nullopt, UseOfProcess());
  model_ = Owned::Retain(model);
  client_ = Owned::Retain(Send(ObjcRuntime::Get().ClassNamed("_ANEClient"), "sharedConnection"));
  options_ = Owned::Retain(Dictionary());
}

bool ClientModel::IsCompiled() const { return Send<Bool>(client_.get(), "compiledModelExistsFor:", model_.get()) != 0; }

Bool ClientModel::Compile(Id* error) {
  return Send<Bool>(client_.get(), "compileModel:options:qos:error:", model_.get(), CompileOptions(),
                    quality_of_service_, error);
}

Bool ClientModel::Load(Id* error) {
  return Send<Bool>(client_.get(), "loadModel:options:qos:error:", model_.get(), options_.get(), quality_of_service_,
                    error);
}

Bool ClientModel::Evaluate(Id request, Id* error) {
  return Send<Bool>(client_.get(), "evaluateWithModel:options:request:qos:error:", model_.get(), options_.get(),
                    request, quality_of_service_, error);
}

Bool ClientModel::Unload(Id* error) {
  return Send<Bool>(client_.get(), "unloadModel:options:qos:error:", model_.get(), options_.get(), quality_of_service_,
                    error);
}

Id ClientModel::Attributes() const { return Send(model_.get(), "modelAttributes"); }

void ClientModel::Purge() { Send<void>(client_.get(), "purgeCompiledModel:", model_.get()); }

}  // namespace mayfly::ane
