// Matrix products and convolutions.
#include <utility>

#include "mil/op_table.h"
#include "mil/ops/broadcast.h"
#include "mil/ops/spatial.h"

namespace mayfly::mil {
namespace {

void CheckMatmul(Call& call) {
  const ValueId x = call.Tensor("x"), y = call.Tensor("y");
  call.ExpectFloat("x", x);
  const Type &a = call.TypeOf(x), &b = call.TypeOf(y);
  if (b.element != a.element) call.FailArgument("y", std::string("a tensor of ") + NameOf(a.element), ToString(b));
  if (a.rank() < 2) call.FailArgument("x", "of rank 2 or more", ToString(a));
  if (b.rank() < 2) call.FailArgument("y", "of rank 2 or more", ToString(b));
  const MatmulAttributes attributes{call.Bool("transpose_x", false), call.Bool("transpose_y", false)};
  auto sides = [](const Shape& shape, bool transposed) {
    const int64_t rows = shape[shape.size() - 2], columns = shape[shape.size() - 1];
    return transposed ? std::pair{columns, rows} : std::pair{rows, columns};
  };
  const auto [m, k] = sides(a.shape, attributes.transpose_x);
  const auto [k2, n] = sides(b.shape, attributes.transpose_y);
  if (k != k2) {
    call.Fail("to have equal inner dimensions",
              std::to_string(k) + " of " + ToString(a) + " and " + std::to_string(k2) + " of " + ToString(b));
  }
  Shape result = Broadcast(call, Shape(a.shape.begin(), a.shape.end() - 2), Shape(b.shape.begin(), b.shape.end() - 2));
  result.push_back(m);
  result.push_back(n);
  call.Emit(OpKind::kMatmul, {x, y}, {a.element, result}, attributes);
}

// x·weightᵀ + bias along the last dimension.
void CheckLinear(Call& call) {
  ValueId x = call.Tensor("x");
  const ValueId weight = call.Tensor("weight");
  const std::optional<ValueId> bias = call.OptionalTensor("bias");
  call.ExpectFloat("x", x);
  const Type in = call.TypeOf(x), matrix = call.TypeOf(weight);
  if (in.rank() < 1) call.FailArgument("x", "of rank 1 or more", ToString(in));
  if (matrix.rank() != 2 || matrix.element != in.element || matrix.shape[1] != in.shape.back()) {
    call.FailArgument(
        "weight", std::string("a tensor of ") + NameOf(in.element) + " with rows of " + std::to_string(in.shape.back()),
        ToString(matrix));
  }
  Type result = in;
  result.shape.back() = matrix.shape[0];
  std::vector<ValueId> inputs{x, weight};
  if (bias) {
    const Type expected{in.element, {matrix.shape[0]}};
    if (call.TypeOf(*bias) != expected) call.FailArgument("bias", ToString(expected), ToString(call.TypeOf(*bias)));
    inputs.push_back(*bias);
  }
  constexpr MatmulAttributes kTransposed{false, true};
  if (in.rank() > 1) return call.Emit(OpKind::kMatmul, inputs, result, kTransposed);
  inputs[0] = call.Compute(OpKind::kReshape, {x}, {in.element, {1, in.shape[0]}});
  const ValueId row = call.Compute(OpKind::kMatmul, inputs, {in.element, {1, matrix.shape[0]}}, kTransposed);
  call.Emit(OpKind::kReshape, {row}, result);
}

void CheckConv(Call& call) {
  const ValueId x = call.Tensor("x"), weight = call.Tensor("weight");
  const std::optional<ValueId> bias = call.OptionalTensor("bias");
  call.ExpectFloat("x", x);
  const Type &in = call.TypeOf(x), &kernel = call.TypeOf(weight);
  if (in.rank() < 3 || in.rank() > 5) call.FailArgument("x", "of rank 3 to 5", ToString(in));
  if (kernel.rank() != in.rank() || kernel.element != in.element) {
    call.FailArgument("weight",
                      std::string("a tensor of ") + NameOf(in.element) + " of rank " + std::to_string(in.rank()),
                      ToString(kernel));
  }
  const size_t spatial = in.shape.size() - 2;
  ConvAttributes conv;
  conv.strides = SpatialList(call, "strides", spatial, 1);
  conv.dilations = SpatialList(call, "dilations", spatial, 1);
  conv.groups = call.Int("groups", 1);
  const int64_t channels_in = in.shape[1], channels_out = kernel.shape[0];
  if (conv.groups < 1 || channels_in % conv.groups != 0 || channels_out % conv.groups != 0) {
    call.FailArgument("groups",
                      "a divisor of " + std::to_string(channels_in) + " input and " + std::to_string(channels_out) +
                          " output channels",
                      std::to_string(conv.groups));
  }
  if (kernel.shape[1] != channels_in / conv.groups) {
    call.FailArgument("weight", "of " + std::to_string(channels_in / conv.groups) + " input channels per group",
                      ToString(kernel));
  }
  const Shape sizes = Spatial(in.shape), taps = Spatial(kernel.shape);
  conv.pads = Pads(call, sizes, taps, conv.strides, conv.dilations);
  Type result{in.element, {in.shape[0], channels_out}};
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t span = conv.dilations[i] * (taps[i] - 1) + 1;
    const int64_t room = sizes[i] + conv.pads[2 * i] + conv.pads[2 * i + 1] - span;
    if (room < 0) call.FailArgument("weight", "no larger than the padded input " + ToString(in), ToString(kernel));
    result.shape.push_back(room / conv.strides[i] + 1);
  }
  std::vector<ValueId> inputs{x, weight};
  if (bias) {
    if (call.TypeOf(*bias) != Type{in.element, {channels_out}}) {
      call.FailArgument("bias", ToString(Type{in.element, {channels_out}}), ToString(call.TypeOf(*bias)));
    }
    inputs.push_back(*bias);
  }
  call.Emit(OpKind::kConv, inputs, result, conv);
}

}  // namespace

const OpEntry kProductOps[] = {
    {"matmul", CheckMatmul}, {"linear", CheckLinear}, {"conv", CheckConv}, {nullptr, nullptr}};

}  // namespace mayfly::mil
