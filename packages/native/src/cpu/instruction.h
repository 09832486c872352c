// Instructions for elementwise arithmetic on registers of many lanes, into which chains of operations are compiled.
#pragma once

#include <cstdint>

namespace mayfly::cpu {

// Lanes of a register: few enough that a chain's registers stay in the first-level cache, and a multiple of the width
// of every vector.
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
  kErf,
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
  // kRoundToHalf rounds fp32 lanes to the nearest values of fp16; kCopy copies lanes of any type.
  kRoundToHalf,
  kCopy,
};

struct Instruction {
  Opcode opcode;
  // Registers of the result and of up to three operands.
  uint8_t to, a, b, c;
  float x, y;
};

enum class Fold : uint8_t { kSum, kMax, kMin };

}  // namespace mayfly::cpu
