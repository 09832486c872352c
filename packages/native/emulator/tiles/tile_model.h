// A software model of Intel AMX's tiles, from the "Operation" sections of the Software Developer's Manual, for tests of
// the tile kernels on processors without AMX. An exception of the processor ends the process with a message.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "math/simd/half.h"
#include "math/simd/target.h"

MAYFLY_BEGIN_TARGET("avx512f,fma")

namespace mayfly::tile_model {

constexpr int kTiles = 8, kMostRows = 16, kMostBytes = 64;

struct Tile {
  int rows = 0;
  int bytes = 0;
  uint8_t data[kMostRows][kMostBytes] = {};

  uint32_t Word(int row, int index) const {
    uint32_t word;
    std::memcpy(&word, data[row] + 4 * index, sizeof word);
    return word;
  }
};

// The state of this thread, as in hardware.
inline Tile* Tiles() {
  thread_local Tile tiles[kTiles];
  return tiles;
}

inline void Expect(bool condition, const char* instruction, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "tile model: %s: expected %s\n", instruction, what);
  std::abort();
}

inline Tile& Configured(int index, const char* instruction) {
  Expect(index >= 0 && index < kTiles, instruction, "a tile from 0 to 7");
  Tile& tile = Tiles()[index];
  Expect(tile.rows > 0, instruction, "a configured tile");
  return tile;
}

inline void Release() {
  for (int i = 0; i < kTiles; ++i) Tiles()[i] = Tile{};
}

inline void LoadConfig(const void* memory) {
  uint8_t config[64];
  std::memcpy(config, memory, sizeof config);
  Release();
  if (config[0] == 0) return;
  Expect(config[0] == 1, "LDTILECFG", "palette 0 or 1");
  for (int i = 2; i < 16; ++i) Expect(config[i] == 0, "LDTILECFG", "reserved bytes of zero");
  for (int i = 0; i < 16; ++i) {
    const int bytes = config[16 + 2 * i] | config[17 + 2 * i] << 8, rows = config[48 + i];
    Expect(i < kTiles || (bytes == 0 && rows == 0), "LDTILECFG", "no more than eight tiles");
    Expect(bytes <= kMostBytes && rows <= kMostRows, "LDTILECFG", "up to 16 rows of up to 64 bytes");
    Expect((bytes == 0) == (rows == 0), "LDTILECFG", "rows and bytes, or neither");
    if (i >= kTiles) continue;
    Tiles()[i].rows = rows;
    Tiles()[i].bytes = bytes;
  }
}

// Rows and bytes beyond the tile's shape become zero.
inline void Zero(int index) {
  Tile& tile = Configured(index, "TILEZERO");
  std::memset(tile.data, 0, sizeof tile.data);
}

inline void Load(int index, const void* base, int64_t stride) {
  Tile& tile = Configured(index, "TILELOADD");
  std::memset(tile.data, 0, sizeof tile.data);
  for (int r = 0; r < tile.rows; ++r) {
    std::memcpy(tile.data[r], static_cast<const uint8_t*>(base) + r * stride, static_cast<size_t>(tile.bytes));
  }
}

inline void Store(int index, void* base, int64_t stride) {
  const Tile& tile = Configured(index, "TILESTORED");
  for (int r = 0; r < tile.rows; ++r) {
    std::memcpy(static_cast<uint8_t*>(base) + r * stride, tile.data[r], static_cast<size_t>(tile.bytes));
  }
}

// MAYFLY_TILE_MODEL=faulty: a processor whose sums are wrong in a low but significant bit.
inline float Fault() {
  static const char* const model = std::getenv("MAYFLY_TILE_MODEL");
  static const float fault = model != nullptr && std::strcmp(model, "faulty") == 0 ? 0x1p-12f : 0.0f;
  return fault;
}

// Treats denormal inputs and results as zero, and keeps the sign.
inline float Flushed(float value) {
  const uint32_t bits = BitsFromFloat(value);
  return FloatFromBits((bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits);
}

inline float MultiplyAdd(float a, float b, float c) { return Flushed(__builtin_fmaf(a, b, Flushed(c))); }

inline float FromBf16(uint16_t bits) { return Flushed(FloatFromBits(static_cast<uint32_t>(bits) << 16)); }

// fp16's denormals are not flushed: all are normal in fp32.
inline float FromFp16(uint16_t bits) { return HalfToFloat(bits); }

// TDPBF16PS and TDPFP16PS: the even and the odd products of a row and a column are summed in two chains, from zero; the
// sum of both is added to the destination.
template <float (*kConvert)(uint16_t)>
void DotProduct(const char* instruction, int c_index, int a_index, int b_index) {
  Tile& c = Configured(c_index, instruction);
  const Tile &a = Configured(a_index, instruction), &b = Configured(b_index, instruction);
  Expect(c_index != a_index && c_index != b_index && a_index != b_index, instruction, "three different tiles");
  Expect(a.bytes % 4 == 0 && b.bytes % 4 == 0 && c.bytes % 4 == 0, instruction, "rows of whole words");
  Expect(a.rows == c.rows && b.bytes == c.bytes && a.bytes / 4 == b.rows, instruction, "m × k by k × n to m × n");
  const int columns = c.bytes / 4, pairs = a.bytes / 4;
  float b_even[kMostRows][kMostRows], b_odd[kMostRows][kMostRows];
  for (int k = 0; k < pairs; ++k) {
    for (int n = 0; n < columns; ++n) {
      b_even[k][n] = kConvert(static_cast<uint16_t>(b.Word(k, n)));
      b_odd[k][n] = kConvert(static_cast<uint16_t>(b.Word(k, n) >> 16));
    }
  }
  for (int m = 0; m < c.rows; ++m) {
    float even[kMostRows] = {}, odd[kMostRows] = {};
    for (int k = 0; k < pairs; ++k) {
      const float a_even = kConvert(static_cast<uint16_t>(a.Word(m, k)));
      const float a_odd = kConvert(static_cast<uint16_t>(a.Word(m, k) >> 16));
      for (int n = 0; n < columns; ++n) {
        even[n] = MultiplyAdd(a_even, b_even[k][n], even[n]);
        odd[n] = MultiplyAdd(a_odd, b_odd[k][n], odd[n]);
      }
    }
    for (int n = 0; n < columns; ++n) {
      const float sum = Flushed(Flushed(FloatFromBits(c.Word(m, n))) + Flushed(even[n] + odd[n])) + Fault();
      std::memcpy(c.data[m] + 4 * n, &sum, sizeof sum);
    }
  }
}

}  // namespace mayfly::tile_model

MAYFLY_END_TARGET
