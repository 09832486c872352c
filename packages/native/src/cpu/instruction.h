// Elementwise arithmetic on blocks of registers: the code that fused chains of operations become.
#pragma once

#include <cstdint>

namespace mayfly::cpu {

// Elements of a register: small enough for a chain's registers to stay in the first-level cache. A multiple of every
// vector's width.
constexpr int64_t kBlock = 256;
constexpr int kMaxRegisters = 32;

// Lanes are fp32 or int32; a bool is int32 0 or 1.
enum class Opcode : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kPow,
  kMax,
  kMin,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kAddInt,
  kSubInt,
  kMulInt,
  kMaxInt,
  kMinInt,
  kEqualInt,
  kNotEqualInt,
  kLessInt,
  kLessEqualInt,
  // a ? b : c on lanes of any type
  kSelect,
  // kRsqrt and kLog add `x` first; kClip limits to [x, y].
  kSqrt,
  kRsqrt,
  kInverse,
  kExp,
  kLog,
  kSigmoid,
  kSilu,
  kTanh,
  kRelu,
  kAbs,
  kRound,
  kSquare,
  kClip,
  kReluInt,
  kAbsInt,
  kIntToFloat,
  kFloatToInt,
  kFloatToBool,
  kIntToBool,
  // fp32 lanes to the nearest values of fp16; lanes as they are.
  kRoundToHalf,
  kCopy,
};

struct Instruction {
  Opcode opcode;
  // Registers: the result, and up to three operands.
  uint8_t to, a, b, c;
  float x, y;
};

enum class Fold : uint8_t { kSum, kMax, kMin };

}  // namespace mayfly::cpu
