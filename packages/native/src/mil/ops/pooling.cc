// Maxima and means of windows over the spatial dimensions. They become windows, copied, and a reduction over them.
#include <algorithm>
#include <limits>

#include "mil/op_table.h"
#include "mil/ops/spatial.h"

namespace mayfly::mil {
namespace {

struct Pooling {
  ValueId windows;
  // The kernel's dimensions among those of the windows.
  ReduceAttributes taps;
  Type result;
  Shape sizes, kernel, strides, pads;
  bool ceil;
};

// The number of windows along a dimension. With `ceil` the last one may end beyond the padding, but must begin before
// it.
int64_t Positions(int64_t size, int64_t before, int64_t after, int64_t kernel, int64_t stride, bool ceil) {
  const int64_t room = size + before + after - kernel;
  if (room < 0) return 0;
  const int64_t positions = (room + (ceil ? stride - 1 : 0)) / stride + 1;
  const bool past_end = ceil && before + after > 0 && (positions - 1) * stride >= size + before;
  return past_end ? positions - 1 : positions;
}

Pooling ReadPooling(Call& call, float outside) {
  const ValueId x = call.Tensor("x");
  call.ExpectFloat("x", x);
  const Type in = call.TypeOf(x);
  if (in.rank() < 3 || in.rank() > 5) call.FailArgument("x", "of rank 3 to 5", ToString(in));
  Pooling pooling;
  pooling.sizes = Spatial(in.shape);
  const size_t spatial = pooling.sizes.size();
  const Shape once(spatial, 1);
  pooling.kernel = SpatialList(call, "kernel_sizes", spatial);
  pooling.strides = SpatialList(call, "strides", spatial, 1);
  pooling.pads = Pads(call, pooling.sizes, pooling.kernel, pooling.strides, once);
  pooling.ceil = call.Bool("ceil_mode", false);
  if (pooling.ceil) {
    const std::string type = call.Text("pad_type", "valid");
    if (spatial > 2 || type == "same" || type == "same_lower")
      call.FailArgument("ceil_mode", "false with three spatial dimensions or pad_type `same`", "true");
    for (size_t i = 0; i < spatial; ++i) {
      if (pooling.pads[2 * i] != pooling.pads[2 * i + 1])
        call.FailArgument("pad", "equal before and after with ceil_mode", ToString(pooling.pads));
    }
  }
  pooling.result = {in.element, {in.shape[0], in.shape[1]}};
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t positions = Positions(pooling.sizes[i], pooling.pads[2 * i], pooling.pads[2 * i + 1],
                                        pooling.kernel[i], pooling.strides[i], pooling.ceil);
    if (positions < 1) {
      call.FailArgument("kernel_sizes", "no larger than the padded input " + ToString(in), ToString(pooling.kernel));
    }
    pooling.result.shape.push_back(positions);
  }
  Type windows{in.element, {in.shape[0], in.shape[1]}};
  windows.shape.insert(windows.shape.end(), pooling.kernel.begin(), pooling.kernel.end());
  windows.shape.insert(windows.shape.end(), pooling.result.shape.begin() + 2, pooling.result.shape.end());
  pooling.taps.reduced.assign(windows.shape.size(), false);
  std::fill_n(pooling.taps.reduced.begin() + 2, spatial, true);
  pooling.windows =
      call.Compute(OpKind::kWindows, {x}, windows, WindowsAttributes{pooling.strides, once, pooling.pads, outside});
  return pooling;
}

void CheckMaxPool(Call& call) {
  const Pooling pooling = ReadPooling(call, -std::numeric_limits<float>::infinity());
  call.Emit(OpKind::kReduceMax, {pooling.windows}, pooling.result, pooling.taps);
}

// For each window the elements that its mean divides by: those within the padded input or, with
// exclude_padding_from_average, within the input.
std::vector<int64_t> CountsOf(const Pooling& pooling, bool exclude) {
  std::vector<int64_t> counts{1};
  for (size_t i = 0; i < pooling.sizes.size(); ++i) {
    const int64_t low = exclude ? 0 : -pooling.pads[2 * i];
    const int64_t high = pooling.sizes[i] + (exclude ? 0 : pooling.pads[2 * i + 1]);
    std::vector<int64_t> products;
    for (int64_t outer : counts) {
      for (int64_t at = 0; at < pooling.result.shape[2 + i]; ++at) {
        const int64_t begin = at * pooling.strides[i] - pooling.pads[2 * i];
        const int64_t inside = std::min(begin + pooling.kernel[i], high) - std::max(begin, low);
        products.push_back(outer * std::max<int64_t>(inside, 0));
      }
    }
    counts = std::move(products);
  }
  return counts;
}

void CheckAvgPool(Call& call) {
  const bool exclude = call.Bool("exclude_padding_from_average", false);
  const Pooling pooling = ReadPooling(call, 0.0f);
  const bool padded = std::any_of(pooling.pads.begin(), pooling.pads.end(), [](int64_t pad) { return pad != 0; });
  if (!pooling.ceil && !(exclude && padded))
    return call.Emit(OpKind::kReduceMean, {pooling.windows}, pooling.result, pooling.taps);
  const Shape positions = Spatial(pooling.result.shape);
  if (ElementsOf(positions) > kMaxElements)
    call.Fail("to have a result of at most " + std::to_string(kMaxElements) + " elements", ToString(pooling.result));
  std::vector<float> shares;
  for (int64_t count : CountsOf(pooling, exclude)) shares.push_back(1.0f / static_cast<float>(count));
  const Type weighted{Element::kFp32, call.ShapeOf(pooling.windows)};
  const ValueId parts = call.Compute(OpKind::kMul, {pooling.windows, call.Constant(positions, shares)}, weighted);
  call.Emit(OpKind::kReduceSum, {parts}, pooling.result, pooling.taps);
}

}  // namespace

const OpEntry kPoolingOps[] = {{"max_pool", CheckMaxPool}, {"avg_pool", CheckAvgPool}, {nullptr, nullptr}};

}  // namespace mayfly::mil
