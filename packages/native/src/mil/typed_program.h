// A program with every name resolved, every type checked and every parameter of an operation evaluated: what a device
// plans from. It points into the weight files and lives only while compiling.
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

// Elements in row-major order (of a bool, one byte each), or the one string.
struct Constant {
  const uint8_t* data = nullptr;
  std::vector<uint8_t> owned;
  std::string text;
};

struct Value {
  std::string name;
  Type type;
  // Null for what is computed.
  std::shared_ptr<const Constant> constant;
};

enum class OpKind : uint8_t {
  // Elementwise, numpy broadcasting.
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
  kRelu,
  kAbs,
  kRound,
  kSquare,
  kClip,
  kCast,
  kLastElementwise = kCast,
  // The same elements in other places.
  kIdentity,
  kReshape,
  kTranspose,
  kSlice,
  kConcat,
  kTile,
  kGather,
  // Arithmetic over many elements.
  kMatmul,
  kConv,
  kSoftmax,
  kReduceSum,
  kReduceMean,
  kReduceMax,
  kReduceMin,
};

constexpr bool IsElementwise(OpKind kind) { return kind <= OpKind::kLastElementwise; }

// Axes count from the front, none negative.
struct EpsilonAttributes {
  float epsilon;
};
struct ClipAttributes {
  float low, high;
};
struct TransposeAttributes {
  std::vector<int> permutation;
};
// begin and stride per input dimension, `sizes` elements taken; the result drops the squeezed dimensions.
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
struct MatmulAttributes {
  bool transpose_x, transpose_y;
};
// One entry per spatial dimension; pads hold before and after of each.
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
                                ConcatAttributes, TileAttributes, GatherAttributes, MatmulAttributes, ConvAttributes,
                                SoftmaxAttributes, ReduceAttributes>;

// Inputs in a fixed order per kind (x, y; select: cond, a, b; conv: x, weight, bias if any), one result.
struct Operation {
  OpKind kind;
  std::vector<ValueId> inputs;
  ValueId result;
  Attributes attributes;
  // As messages name it: "conv `y`".
  std::string label;
  Position position;
};

struct TypedProgram {
  std::vector<Value> values;
  std::vector<Operation> operations;
  std::vector<ValueId> parameters;
  std::vector<ValueId> returns;
};

// Parses and checks. Throws ERR_MIL_SYNTAX, ERR_MIL_TYPE, ERR_MIL_UNSUPPORTED or ERR_WEIGHT_BLOB with the place.
TypedProgram CheckProgram(std::string_view text, const std::vector<WeightFile>& files);

}  // namespace mayfly::mil
