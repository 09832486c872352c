// Tiny programs with known results, which show how a chip and a release of macOS behave.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ane/dialect.h"
#include "device/device.h"

namespace mayfly::ane {

// Ports are fp16 [1, 64, 1, 64], since both axes must be multiples of 32. Each program starts with a 1×1 convolution,
// since a program of elementwise operations only may not load.
constexpr int64_t kCanaryChannels = 64;
constexpr int64_t kCanaryColumns = 64;
constexpr size_t kCanaryElements = static_cast<size_t>(kCanaryChannels * kCanaryColumns);

// y = W x.
std::string OnePortCanary(Dialect dialect);
// Inputs b, a and outputs z, y, declared in this order: z = W b − a; y = W b + a.
std::string TwoPortCanary(Dialect dialect);

// Outputs z, y, x, declared in this order: z = W input − input; y = W input + input; x = W input · input.
std::string ThreeOutputCanary(Dialect dialect);
// y = V W x, with V in a weight file of its own.
std::string TwoFileCanary(Dialect dialect);

// The weight file of all: W = diagonal · identity.
class CanaryWeights {
 public:
  explicit CanaryWeights(float diagonal);
  std::vector<mil::WeightFile> files() const;
  // Of TwoFileCanary: this is W, `second` is V.
  std::vector<mil::WeightFile> files(const CanaryWeights& second) const;

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace mayfly::ane
