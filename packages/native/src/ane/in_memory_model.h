// _ANEInMemoryModel, a wrapper of the framework around _ANEModel and _ANEClient.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ane/framework_model.h"
#include "device/device.h"

namespace mayfly::ane {

class InMemoryModel : public FrameworkModel {
 public:
  // Throws ERR_ANE_COMPILE.
  InMemoryModel(std::string_view text, const std::vector<mil::WeightFile>& weights, unsigned quality_of_service);

  const std::string& identifier() const override { return identifier_; }
  bool IsCompiled() const override { return false; }
  Bool Compile(Id* error) override;
  Bool Load(Id* error) override;
  Bool Evaluate(Id request, Id* error) override;
  Bool Unload(Id* error) override;
  void Purge() override {}
  Id Attributes() const override;
  Id inner() const override;

 private:
  Owned model_;
  Owned options_;
  std::string identifier_;
  unsigned quality_of_service_;
};

}  // namespace mayfly::ane
