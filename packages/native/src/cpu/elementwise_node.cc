#include "cpu/elementwise_node.h"

#include <algorithm>

namespace mayfly::cpu {
namespace {

// The least work of a task: with fewer blocks, waking a thread costs more than it saves.
constexpr int64_t kBlocksPerTask = 32;

}  // namespace

ElementwiseNode::ElementwiseNode(const Chain& chain, const std::vector<View>& outputs)
    : expression_(chain, outputs[0].shape, OrderByStride(outputs[0].shape, outputs[0].strides), outputs) {
  for (const auto& input : chain.inputs) Reads(input.second);
  for (const View& output : outputs) Writes(output);
}

void ElementwiseNode::Run(Buffers buffers, ThreadPool* pool) const {
  pool->ParallelFor(expression_.iterations(), kBlock * kBlocksPerTask, [&](int64_t begin, int64_t end) {
    Expression::Frame frame(expression_, buffers);
    for (int64_t at = begin; at < end; at += kBlock) frame.Run(at, std::min(kBlock, end - at));
  });
}

}  // namespace mayfly::cpu
