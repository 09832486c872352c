// A checked program, from which devices plan: names are resolved, types are checked, constant arguments are evaluated.
// It points into the weight files, so it must not outlive the compilation.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mil/lexer.h"
#include "mil/type.h"
#include "mil/weight_file.h"

namespace mayfly::mil {

using ValueId = int;

// Elements in row-major order, those of a bool as one byte each; or one string.
struct Constant {
  const uint8_t* data = nullptr;
  std::vector<uint8_t> owned;
  std::string text;
};

struct Value {
  std::string name;
  Type type;
  // Null for a value that is computed.
  std::shared_ptr<const Constant> constant;
};

enum class OpKind : uint8_t {
  // Elementwise, with numpy's broadcasting.
  kAdd,
  kSub,
  kMul,
  kRealDiv,
  kPow,
  kMaximum,
  kMinimum,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kSelect,
  kSqrt,
  kRsqrt,
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
  kCast,
  kLastElementwise = kCast,
  // Moves of elements.
  kIdentity,
  kReshape,
  kTranspose,
  kSlice,
  kConcat,
  kTile,
  kGather,
  // The windows of a convolution or a pooling: [batch, channels, kernel…, output…] from [batch, channels, spatial…].
  kWindows,
  // Arithmetic over many elements for each result.
  kMatmul,
  kConv,
  kSoftmax,
  kReduceSum,
  kReduceMean,
  kReduceMax,
  kReduceMin,
};

constexpr bool IsElementwise(OpKind kind) { return kind <= OpKind::kLastElementwise; }

// Attributes: axes count from the front and are not negative.
struct EpsilonAttributes {
  float epsilon;
};
struct ClipAttributes {
  float low, high;
};
struct TransposeAttributes {
  std::vector<int> permutation;
};
// `sizes` elements of each input dimension, from `begin` on in steps of `stride`. The result lacks squeezed dimensions.
struct SliceAttributes {
  Shape begin, stride, sizes;
};
struct ConcatAttributes {
  int axis;
  bool interleave;
};
struct TileAttributes {
  Shape repetitions;
};
struct GatherAttributes {
  int axis;
  bool negative_wraps;
};
// One entry for each spatial dimension; `pads` has two, before and after. Windows that leave the input have `outside`
// there.
struct WindowsAttributes {
  Shape strides, dilations, pads;
  float outside;
};
struct MatmulAttributes {
  bool transpose_x, transpose_y;
};
// One entry for each spatial dimension; `pads` has two, before and after.
struct ConvAttributes {
  Shape strides, dilations, pads;
  int64_t groups;
};
struct SoftmaxAttributes {
  int axis;
};
struct ReduceAttributes {
  std::vector<bool> reduced;
};

using Attributes = std::variant<std::monostate, EpsilonAttributes, ClipAttributes, TransposeAttributes, SliceAttributes,
                                ConcatAttributes, TileAttributes, GatherAttributes, WindowsAttributes, MatmulAttributes,
                                ConvAttributes, SoftmaxAttributes, ReduceAttributes>;

// One result, and inputs in the order of the kind: x, y; for select cond, a, b; for matmul x, y, and a bias that
// broadcasts, if any; for conv x, weight, and bias if any. Operands of one operation may be fp16 and fp32: arithmetic
// is fp32 on either.
struct Operation {
  OpKind kind;
  std::vector<ValueId> inputs;
  ValueId result;
  Attributes attributes;
  // The name in messages: "conv `y`".
  std::string label;
  Position position;
};

struct TypedProgram {
  std::vector<Value> values;
  std::vector<Operation> operations;
  std::vector<ValueId> parameters;
  std::vector<ValueId> returns;
  // Sentences about weight files, at most 100.
  std::vector<std::string> warnings;
};

// Parses a program and checks one function: by default `main`, or the first if none has that name. Throws
// ERR_MIL_SYNTAX, ERR_MIL_TYPE, ERR_MIL_UNSUPPORTED or ERR_WEIGHT_BLOB, with the position in the text;
// ERR_INVALID_ARGUMENT if there is no such function.
TypedProgram CheckProgram(std::string_view text, const std::vector<WeightFile>& files, std::string_view function = {});

}  // namespace mayfly::mil
