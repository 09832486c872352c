// Operations that give the same elements another shape.
#include "mil/op_table.h"
#include "mil/ops/axes.h"

namespace mayfly::mil {
namespace {

void CheckIdentity(Call& call) {
  const ValueId x = call.Tensor("x");
  call.Emit(OpKind::kIdentity, {x}, call.TypeOf(x));
}

// One entry may be -1: it gets the remaining elements. An entry of 0 copies the input's dimension, counted from the
// left before iOS 17 and from the right since then.
void CheckReshape(Call& call) {
  const ValueId x = call.Tensor("x");
  const Type& type = call.TypeOf(x);
  const Shape wanted = call.Ints("shape");
  Type result{type.element, wanted};
  int64_t known = 1;
  int inferred = -1;
  for (size_t i = 0; i < wanted.size(); ++i) {
    int64_t& dimension = result.shape[i];
    if (dimension == -1 && inferred < 0) {
      inferred = static_cast<int>(i);
      continue;
    }
    if (dimension == 0 && call.opset() < 17 && wanted.size() == type.shape.size()) {
      dimension = type.shape[i];
    } else if (dimension == 0 && call.opset() >= 17) {
      const size_t from_right = wanted.size() - i;
      dimension = from_right <= type.shape.size() ? type.shape[type.shape.size() - from_right] : 1;
    }
    if (dimension < 1) call.FailArgument("shape", "a shape for " + ToString(type), ToString(wanted));
    known = SizeProduct(known, dimension);
  }
  if (inferred >= 0) result.shape[static_cast<size_t>(inferred)] = type.elements() / known;
  if (inferred >= 0 ? type.elements() % known != 0 || type.elements() < known : known != type.elements()) {
    call.FailArgument("shape", "a shape for " + ToString(type), ToString(wanted));
  }
  call.Emit(OpKind::kReshape, {x}, result);
}

void CheckTranspose(Call& call) {
  const ValueId x = call.Tensor("x");
  const Type& type = call.TypeOf(x);
  const Shape wanted = call.Ints("perm");
  const int64_t rank = type.rank();
  TransposeAttributes attributes;
  Type result{type.element, {}};
  std::vector<bool> seen(type.shape.size(), false);
  bool valid = static_cast<int64_t>(wanted.size()) == rank;
  for (size_t i = 0; valid && i < wanted.size(); ++i) {
    const int64_t axis = wanted[i] < 0 ? wanted[i] + rank : wanted[i];
    valid = axis >= 0 && axis < rank && !seen[static_cast<size_t>(axis)];
    if (!valid) break;
    seen[static_cast<size_t>(axis)] = true;
    attributes.permutation.push_back(static_cast<int>(axis));
    result.shape.push_back(type.shape[static_cast<size_t>(axis)]);
  }
  if (!valid) call.FailArgument("perm", "a permutation of " + std::to_string(rank) + " axes", ToString(wanted));
  call.Emit(OpKind::kTranspose, {x}, result, attributes);
}

void CheckExpandDims(Call& call) {
  const ValueId x = call.Tensor("x");
  const Type& type = call.TypeOf(x);
  const Shape axes = call.Ints("axes");
  const std::vector<bool> inserted = MarkAxes(call, axes, type.rank() + static_cast<int64_t>(axes.size()));
  Type result{type.element, {}};
  size_t next = 0;
  for (bool one : inserted) result.shape.push_back(one ? 1 : type.shape[next++]);
  call.Emit(OpKind::kReshape, {x}, result);
}

// Without axes, removes all dimensions of size 1; keeps listed dimensions of another size.
void CheckSqueeze(Call& call) {
  const ValueId x = call.Tensor("x");
  const Type& type = call.TypeOf(x);
  const bool all = !call.Has("axes");
  const std::vector<bool> listed = MarkAxes(call, call.Ints("axes", Shape{}), type.rank());
  Type result{type.element, {}};
  for (size_t i = 0; i < type.shape.size(); ++i) {
    if (!((all || listed[i]) && type.shape[i] == 1)) result.shape.push_back(type.shape[i]);
  }
  call.Emit(OpKind::kReshape, {x}, result);
}

}  // namespace

const OpEntry kLayoutOps[] = {
    {"identity", CheckIdentity},      {"reshape", CheckReshape}, {"transpose", CheckTranspose},
    {"expand_dims", CheckExpandDims}, {"squeeze", CheckSqueeze}, {nullptr, nullptr},
};

}  // namespace mayfly::mil
