// BlockLoops, as templates on the vectors S of an instruction set, which keep the sets apart for the linker: the loops
// are plain C, and the compiler vectorizes them.
#pragma once

#include "cpu/block_loops.h"
#include "cpu/block_math.h"

namespace mayfly::cpu {

// Keeps NaN, as numpy's maximum and minimum do.
template <class S>
inline float Larger(float a, float b) {
  return a > b || a != a ? a : b;
}
template <class S>
inline float Smaller(float a, float b) {
  return a < b || a != a ? a : b;
}

template <class S>
void RunInstruction(const Instruction& in, void* registers, int64_t count) {
  const auto floats = [&](uint8_t r) { return static_cast<float*>(registers) + r * kBlock; };
  const auto integers = [&](uint8_t r) { return static_cast<int32_t*>(registers) + r * kBlock; };
  // The planner never gives `to` the register of an operand: compilers vectorize after checking that they are apart.
  float* to = floats(in.to);
  int32_t* to_int = integers(in.to);
  const float *a = floats(in.a), *b = floats(in.b);
  const int32_t *ai = integers(in.a), *bi = integers(in.b), *ci = integers(in.c);
  const float x = in.x, y = in.y;
#define MAYFLY_LOOP(target, expression)                         \
  for (int64_t i = 0; i < count; ++i) target[i] = (expression); \
  return
  switch (in.opcode) {
    case Opcode::kAdd: MAYFLY_LOOP(to, a[i] + b[i]);
    case Opcode::kSub: MAYFLY_LOOP(to, a[i] - b[i]);
    case Opcode::kMul: MAYFLY_LOOP(to, a[i] * b[i]);
    case Opcode::kDiv: MAYFLY_LOOP(to, a[i] / b[i]);
    case Opcode::kPow: MAYFLY_LOOP(to, __builtin_powf(a[i], b[i]));
    case Opcode::kMax: MAYFLY_LOOP(to, Larger<S>(a[i], b[i]));
    case Opcode::kMin: MAYFLY_LOOP(to, Smaller<S>(a[i], b[i]));
    case Opcode::kEqual: MAYFLY_LOOP(to_int, a[i] == b[i] ? 1 : 0);
    case Opcode::kNotEqual: MAYFLY_LOOP(to_int, a[i] != b[i] ? 1 : 0);
    case Opcode::kLess: MAYFLY_LOOP(to_int, a[i] < b[i] ? 1 : 0);
    case Opcode::kLessEqual: MAYFLY_LOOP(to_int, a[i] <= b[i] ? 1 : 0);
    case Opcode::kAddInt:
      MAYFLY_LOOP(to_int, static_cast<int32_t>(static_cast<uint32_t>(ai[i]) + static_cast<uint32_t>(bi[i])));
    case Opcode::kSubInt:
      MAYFLY_LOOP(to_int, static_cast<int32_t>(static_cast<uint32_t>(ai[i]) - static_cast<uint32_t>(bi[i])));
    case Opcode::kMulInt:
      MAYFLY_LOOP(to_int, static_cast<int32_t>(static_cast<uint32_t>(ai[i]) * static_cast<uint32_t>(bi[i])));
    case Opcode::kMaxInt: MAYFLY_LOOP(to_int, ai[i] > bi[i] ? ai[i] : bi[i]);
    case Opcode::kMinInt: MAYFLY_LOOP(to_int, ai[i] < bi[i] ? ai[i] : bi[i]);
    case Opcode::kEqualInt: MAYFLY_LOOP(to_int, ai[i] == bi[i] ? 1 : 0);
    case Opcode::kNotEqualInt: MAYFLY_LOOP(to_int, ai[i] != bi[i] ? 1 : 0);
    case Opcode::kLessInt: MAYFLY_LOOP(to_int, ai[i] < bi[i] ? 1 : 0);
    case Opcode::kLessEqualInt: MAYFLY_LOOP(to_int, ai[i] <= bi[i] ? 1 : 0);
    case Opcode::kSelect: MAYFLY_LOOP(to_int, ai[i] != 0 ? bi[i] : ci[i]);
    case Opcode::kSqrt: MAYFLY_LOOP(to, __builtin_sqrtf(a[i]));
    case Opcode::kRsqrt: MAYFLY_LOOP(to, 1.0f / __builtin_sqrtf(a[i] + x));
    case Opcode::kInverse: MAYFLY_LOOP(to, 1.0f / a[i]);
    case Opcode::kExp: MAYFLY_LOOP(to, Exp<S>(a[i]));
    case Opcode::kLog: MAYFLY_LOOP(to, __builtin_logf(a[i] + x));
    case Opcode::kSigmoid: MAYFLY_LOOP(to, Sigmoid<S>(a[i]));
    case Opcode::kSilu: MAYFLY_LOOP(to, a[i] * Sigmoid<S>(a[i]));
    case Opcode::kTanh: MAYFLY_LOOP(to, Tanh<S>(a[i]));
    case Opcode::kErf: MAYFLY_LOOP(to, Erf<S>(a[i]));
    case Opcode::kRelu: MAYFLY_LOOP(to, a[i] < 0.0f ? 0.0f : a[i]);
    case Opcode::kAbs: MAYFLY_LOOP(to, __builtin_fabsf(a[i]));
    // Ties to even.
    case Opcode::kRound: MAYFLY_LOOP(to, __builtin_rintf(a[i]));
    case Opcode::kSquare: MAYFLY_LOOP(to, a[i] * a[i]);
    case Opcode::kClip: MAYFLY_LOOP(to, a[i] < x ? x : a[i] > y ? y : a[i]);
    case Opcode::kReluInt: MAYFLY_LOOP(to_int, ai[i] < 0 ? 0 : ai[i]);
    case Opcode::kAbsInt:
      MAYFLY_LOOP(to_int, ai[i] < 0 ? static_cast<int32_t>(0u - static_cast<uint32_t>(ai[i])) : ai[i]);
    case Opcode::kIntToFloat: MAYFLY_LOOP(to, static_cast<float>(ai[i]));
    // Out of range, C leaves the result undefined: the nearest representable integer, and 0 for NaN.
    case Opcode::kFloatToInt:
      MAYFLY_LOOP(to_int, a[i] >= 2147483648.0f   ? INT32_MAX
                          : a[i] > -2147483648.0f ? static_cast<int32_t>(a[i])
                          : a[i] != a[i]          ? 0
                                                  : INT32_MIN);
    case Opcode::kFloatToBool: MAYFLY_LOOP(to_int, a[i] != 0.0f ? 1 : 0);
    case Opcode::kRoundToHalf: MAYFLY_LOOP(to, RoundToHalf<S>(a[i]));
    case Opcode::kCopy: MAYFLY_LOOP(to_int, ai[i]);
    case Opcode::kIntToBool: MAYFLY_LOOP(to_int, ai[i] != 0 ? 1 : 0);
  }
#undef MAYFLY_LOOP
}

template <class S>
void RunCode(const Instruction* code, int instructions, void* registers, int64_t count) {
  // Whole vectors; the lanes beyond `count` hold leftovers that nobody reads.
  const int64_t lanes = (count + 15) & ~int64_t{15};
  for (int i = 0; i < instructions; ++i) RunInstruction<S>(code[i], registers, lanes);
}

constexpr int kLanes = 16;

template <class S, class Two>
float FoldLanes(const float* x, int64_t count, Two two, float start) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = start;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) lanes[j] = two(lanes[j], x[i + j]);
  }
  for (int j = 0; i < count; ++i, ++j) lanes[j] = two(lanes[j], x[i]);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; ++j) lanes[j] = two(lanes[j], lanes[j + width]);
  }
  return lanes[0];
}

template <class S>
float FoldBlock(Fold fold, const float* x, int64_t count) {
  switch (fold) {
    case Fold::kSum: return FoldLanes<S>(x, count, [](float a, float b) { return a + b; }, 0.0f);
    case Fold::kMax: return FoldLanes<S>(x, count, Larger<S>, -__builtin_inff());
    case Fold::kMin: break;
  }
  return FoldLanes<S>(x, count, Smaller<S>, __builtin_inff());
}

template <class S>
void FoldInto(Fold fold, float* __restrict to, const float* __restrict x, int64_t count) {
  switch (fold) {
    case Fold::kSum:
      for (int64_t i = 0; i < count; ++i) to[i] += x[i];
      return;
    case Fold::kMax:
      for (int64_t i = 0; i < count; ++i) to[i] = Larger<S>(to[i], x[i]);
      return;
    case Fold::kMin:
      for (int64_t i = 0; i < count; ++i) to[i] = Smaller<S>(to[i], x[i]);
      return;
  }
}

template <class S>
float ExpSum(float* x, int64_t count, float max) {
  for (int64_t i = 0; i < count; ++i) x[i] = Exp<S>(x[i] - max);
  return FoldBlock<S>(Fold::kSum, x, count);
}

template <class S>
void Scale(float* x, int64_t count, float factor) {
  for (int64_t i = 0; i < count; ++i) x[i] *= factor;
}

template <class S>
constexpr BlockLoops MakeBlockLoops() {
  return {RunCode<S>, FoldBlock<S>, FoldInto<S>, ExpSum<S>, Scale<S>};
}

}  // namespace mayfly::cpu
