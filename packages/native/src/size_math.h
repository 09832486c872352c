// Saturating arithmetic for sizes from outside, whole numbers from 0 up: a result that would wrap becomes kLargestSize,
// so that one check of a bound at the end is enough. Every product of dimensions goes through here.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace mayfly {

constexpr int64_t kLargestSize = std::numeric_limits<int64_t>::max();

constexpr int64_t SizeProduct(int64_t a, int64_t b) { return b != 0 && a > kLargestSize / b ? kLargestSize : a * b; }

constexpr int64_t SizeSum(int64_t a, int64_t b) { return a > kLargestSize - b ? kLargestSize : a + b; }

// Of the elements of a shape: 1 for a scalar.
inline int64_t ElementsOf(const std::vector<int64_t>& shape) {
  int64_t elements = 1;
  for (int64_t dimension : shape) elements = SizeProduct(elements, dimension);
  return elements;
}

// As messages show it.
inline std::string SizeText(int64_t size) { return size == kLargestSize ? "2^63 or more" : std::to_string(size); }

}  // namespace mayfly
