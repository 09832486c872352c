// Hashes that tell contents apart, and no more: they are no defence against someone who looks for a collision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"

namespace mayfly::ane {

// Mixes eight bytes at a time as splitmix64 does.
uint64_t ContentHash(const void* data, size_t bytes, uint64_t seed);

// Hexadecimal digits of 128 bits of the names and bytes of weight files.
std::string WeightsName(const std::vector<mil::WeightFile>& weights);

// A name for a program: hexadecimal digests of its text, 128 bits, and of its weight files, joined by an underscore.
std::string ContentName(std::string_view text, const std::vector<mil::WeightFile>& weights);

}  // namespace mayfly::ane
