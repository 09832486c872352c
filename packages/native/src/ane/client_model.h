// _ANEModel over a staged directory of our own, with _ANEClient, which does the work for _ANEInMemoryModel, too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ane/framework_model.h"
#include "device/device.h"

namespace mayfly::ane {

class ClientModel : public FrameworkModel {
 public:
  // Throws ERR_ANE_COMPILE.
  ClientModel(std::string_view text, const std::vector<mil::WeightFile>& weights, unsigned quality_of_service);

  const std::string& identifier() const override { return identifier_; }
  bool IsCompiled() const override;
  Bool Compile(Id* error) override;
  Bool Load(Id* error) override;
  Bool Evaluate(Id request, Id* error) override;
  Bool Unload(Id* error) override;
  void Purge() override;
  Id Attributes() const override;
  Id inner() const override { return model_.get(); }

 private:
  std::string identifier_;
  Owned client_;
  Owned model_;
  Owned options_;
  unsigned quality_of_service_;
};

}  // namespace mayfly::ane
