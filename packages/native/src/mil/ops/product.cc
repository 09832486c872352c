// Matrix products and convolutions.
#include <algorithm>
#include <utility>

#include "mil/op_table.h"
#include "mil/ops/broadcast.h"

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

// One positive entry for each spatial dimension; the default is 1.
Shape SpatialList(Call& call, const char* name, size_t spatial) {
  constexpr int64_t kMost = 1 << 24;
  const Shape list = call.Ints(name, Shape(spatial, 1));
  if (list.size() != spatial) call.FailArgument(name, std::to_string(spatial) + " integers", ToString(list));
  for (int64_t entry : list) {
    if (entry < 1 || entry > kMost) call.FailArgument(name, "from 1 to " + std::to_string(kMost), ToString(list));
  }
  return list;
}

// The padding before and after each spatial dimension.
Shape Pads(Call& call, const Shape& x, const Shape& weight, const ConvAttributes& conv) {
  const size_t spatial = x.size() - 2;
  const std::string type = call.Text("pad_type", "valid");
  Shape pads(2 * spatial, 0);
  if (type == "valid") {
    call.Ignore("pad");
  } else if (type == "custom") {
    pads = call.Ints("pad");
    if (pads.size() != 2 * spatial) call.FailArgument("pad", std::to_string(2 * spatial) + " integers", ToString(pads));
    for (int64_t pad : pads) {
      if (pad < 0 || pad > 65'536) call.FailArgument("pad", "from 0 to 65536", ToString(pads));
    }
  } else if (type == "same" || type == "same_lower") {
    call.Ignore("pad");
    for (size_t i = 0; i < spatial; ++i) {
      const int64_t out = (x[2 + i] + conv.strides[i] - 1) / conv.strides[i];
      const int64_t total =
          std::max<int64_t>(0, (out - 1) * conv.strides[i] + conv.dilations[i] * (weight[2 + i] - 1) + 1 - x[2 + i]);
      pads[2 * i] = type == "same" ? total / 2 : total - total / 2;
      pads[2 * i + 1] = total - pads[2 * i];
    }
  } else {
    call.FailArgument("pad_type", "\"valid\", \"same\", \"same_lower\" or \"custom\"",
                      "\"" + type.substr(0, 40) + "\"");
  }
  return pads;
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
  conv.strides = SpatialList(call, "strides", spatial);
  conv.dilations = SpatialList(call, "dilations", spatial);
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
  conv.pads = Pads(call, in.shape, kernel.shape, conv);
  Type result{in.element, {in.shape[0], channels_out}};
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t span = conv.dilations[i] * (kernel.shape[2 + i] - 1) + 1;
    const int64_t room = in.shape[2 + i] + conv.pads[2 * i] + conv.pads[2 * i + 1] - span;
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

const OpEntry kProductOps[] = {{"matmul", CheckMatmul}, {"conv", CheckConv}, {nullptr, nullptr}};

}  // namespace mayfly::mil
