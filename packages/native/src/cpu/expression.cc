#include "cpu/expression.h"

#include "cpu/chain_code.h"

namespace mayfly::cpu {

Expression::Expression(const Chain& chain, const Shape& shape, const std::vector<int>& order,
                       const std::vector<View>& outputs) {
  std::vector<View> views;
  for (const auto& input : chain.inputs) views.push_back(BroadcastTo(input.second, shape));
  views.insert(views.end(), outputs.begin(), outputs.end());
  std::vector<Shape> strides;
  for (const View& view : views) strides.push_back(Permuted(view.strides, order));
  const LoopNest nest = Merged(Permuted(shape, order), strides);
  extents_ = nest.extents;
  iterations_ = nest.iterations();
  std::vector<bool> uniform;
  const size_t inputs = chain.inputs.size();
  for (size_t i = 0; i < views.size(); ++i) {
    (i < inputs ? loads_ : stores_).push_back({Stream(views[i], nest.extents, nest.strides[i]), 0});
    if (i < inputs) uniform.push_back(loads_.back().stream.uniform());
  }
  ChainCode code = CompileChain(chain, uniform);
  for (size_t i = 0; i < inputs; ++i) loads_[i].reg = code.inputs[i];
  for (size_t i = 0; i < stores_.size(); ++i) stores_[i].reg = code.results[i];
  code_ = std::move(code.instructions);
  result_registers_ = std::move(code.results);
}

Expression::Frame::Frame(const Expression& expression, Buffers buffers)
    : expression_(expression), buffers_(buffers), loops_(CurrentBlockLoops()) {
  const LoopIndex start{};
  for (const Operand& load : expression.loads_) {
    if (load.stream.uniform()) load.stream.Load(buffers, 0, start, kBlock, registers_ + load.reg * kBlock * 4);
  }
}

void Expression::Frame::Run(int64_t flat, int64_t count) {
  const LoopIndex index = IndexOf(expression_.extents_, flat);
  for (const Operand& load : expression_.loads_) {
    if (!load.stream.uniform()) load.stream.Load(buffers_, flat, index, count, registers_ + load.reg * kBlock * 4);
  }
  loops_.run(expression_.code_.data(), static_cast<int>(expression_.code_.size()), registers_, count);
  for (const Operand& store : expression_.stores_) {
    store.stream.Store(buffers_, flat, index, count, registers_ + store.reg * kBlock * 4);
  }
}

}  // namespace mayfly::cpu
