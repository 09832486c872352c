#include "ane/in_memory_model.h"

#include "ane/foundation.h"
#include "ane/model.h"

namespace mayfly::ane {
namespace {

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

InMemoryModel::InMemoryModel(std::string_view text, const std::vector<mil::WeightFile>& weights,
                             unsigned quality_of_service)
    : quality_of_service_(quality_of_service) {
  const AutoreleasePool pool;
  const Id descriptor = DescriptorOf(text, weights);
  if (descriptor == nullptr) throw FailureOf(Phase::kDescribe, std::nullopt, UseOfProcess());
  const Id model = Send(ObjcRuntime::Get().ClassNamed("_ANEInMemoryModel"), "inMemoryModelWithDescriptor:", descriptor);
  if (model == nullptr) throw FailureOf(Phase::kDescribe, std::nullopt, UseOfProcess());
  model_ = Owned::Retain(model);
  options_ = Owned::Retain(Dictionary());
  identifier_ = Utf8(Send(model, "hexStringIdentifier"));
  RequireName(identifier_);
}

Bool InMemoryModel::Compile(Id* error) {
  return Send<Bool>(model_.get(), "compileWithQoS:options:error:", quality_of_service_, options_.get(), error);
}

Bool InMemoryModel::Load(Id* error) {
  return Send<Bool>(model_.get(), "loadWithQoS:options:error:", quality_of_service_, options_.get(), error);
}

Bool InMemoryModel::Evaluate(Id request, Id* error) {
  return Send<Bool>(model_.get(), "evaluateWithQoS:options:request:error:", quality_of_service_, options_.get(),
                    request, error);
}

Bool InMemoryModel::Unload(Id* error) {
  return Send<Bool>(model_.get(), "unloadWithQoS:error:", quality_of_service_, error);
}

Id InMemoryModel::Attributes() const { return Send(model_.get(), "modelAttributes"); }

Id InMemoryModel::inner() const { return Send(model_.get(), "model"); }

}  // namespace mayfly::ane
