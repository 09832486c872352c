#include "cpu/step.h"

#include <algorithm>
#include <limits>
#include <set>

#include "cpu/instruction.h"

namespace mayfly::cpu {
namespace {

using mil::OpKind;
using mil::ValueId;

// Limits of what is computed while compiling: elements of one value, and of all values.
constexpr int64_t kFoldedElements = 1 << 22;
constexpr int64_t kAllFoldedElements = 1 << 25;

constexpr int kReturned = std::numeric_limits<int>::max();

class Cutter {
 public:
  explicit Cutter(const mil::TypedProgram& program)
      : program_(program),
        users_(program.values.size()),
        producer_(program.values.size(), -1),
        constant_(program.values.size(), false),
        group_of_(program.operations.size(), -1) {
    FindLive();
    FindConstants();
  }

  std::vector<Step> Cut() {
    for (int i = 0; i < static_cast<int>(program_.operations.size()); ++i) {
      if (!live_[static_cast<size_t>(i)]) continue;
      const OpKind kind = Operation(i).kind;
      std::vector<int> group{i};
      if (mil::IsElementwise(kind)) {
        for (ValueId input : Operation(i).inputs) Join(&group, input, i);
      } else if (kind == OpKind::kSoftmax || kind == OpKind::kReduceSum || kind == OpKind::kReduceMean ||
                 kind == OpKind::kReduceMax || kind == OpKind::kReduceMin) {
        Consume(&group, i);
      }
      for (int member : group) group_of_[static_cast<size_t>(member)] = static_cast<int>(groups_.size());
      groups_.push_back(std::move(group));
    }
    return Steps();
  }

 private:
  const mil::Operation& Operation(int i) const { return program_.operations[static_cast<size_t>(i)]; }
  const mil::Value& Value(ValueId v) const { return program_.values[static_cast<size_t>(v)]; }
  const std::vector<int>& Users(ValueId v) const { return users_[static_cast<size_t>(v)]; }

  void FindLive() {
    std::vector<bool> needed(program_.values.size(), false);
    for (ValueId value : program_.returns) needed[static_cast<size_t>(value)] = true;
    live_.assign(program_.operations.size(), false);
    for (size_t i = program_.operations.size(); i-- > 0;) {
      const mil::Operation& operation = program_.operations[i];
      live_[i] = needed[static_cast<size_t>(operation.result)];
      if (!live_[i]) continue;
      for (ValueId input : operation.inputs) needed[static_cast<size_t>(input)] = true;
    }
    for (size_t i = 0; i < live_.size(); ++i) {
      if (!live_[i]) continue;
      producer_[static_cast<size_t>(Operation(static_cast<int>(i)).result)] = static_cast<int>(i);
      for (ValueId input : Operation(static_cast<int>(i)).inputs)
        users_[static_cast<size_t>(input)].push_back(static_cast<int>(i));
    }
    for (ValueId value : program_.returns) users_[static_cast<size_t>(value)].push_back(kReturned);
  }

  void FindConstants() {
    for (size_t v = 0; v < program_.values.size(); ++v) constant_[v] = program_.values[v].constant != nullptr;
    int64_t folded = 0;
    for (size_t i = 0; i < live_.size(); ++i) {
      const mil::Operation& operation = program_.operations[i];
      if (!live_[i] || operation.kind == OpKind::kMatmul || operation.kind == OpKind::kConv) continue;
      // Views of constants cost nothing. A gather may fail, and must fail in Evaluate.
      int64_t elements =
          operation.kind == OpKind::kGather ? kFoldedElements + 1 : Value(operation.result).type.elements();
      bool constant = true;
      for (ValueId input : operation.inputs) {
        constant = constant && constant_[static_cast<size_t>(input)];
        elements = std::max(elements, Value(input).type.elements());
      }
      if (!constant || elements > kFoldedElements || folded + elements > kAllFoldedElements) continue;
      folded += elements;
      constant_[static_cast<size_t>(operation.result)] = true;
    }
  }

  bool IsConstant(int operation) const { return constant_[static_cast<size_t>(Operation(operation).result)]; }

  // Whether all operations of the group can run in the place of the last one, `at`: no operation outside needs their
  // results earlier.
  bool CanRunTogether(const std::vector<int>& group, int at) const {
    for (int member : group) {
      for (int user : Users(Operation(member).result)) {
        if (user > at) break;
        if (std::find(group.begin(), group.end(), user) == group.end()) return false;
      }
    }
    return true;
  }

  bool FitsRegisters(const std::vector<int>& group) const {
    std::set<ValueId> inputs, results;
    for (int member : group) {
      inputs.insert(Operation(member).inputs.begin(), Operation(member).inputs.end());
      results.insert(Operation(member).result);
    }
    size_t registers = results.size();
    for (ValueId input : inputs) registers += results.count(input) == 0;
    return registers <= kMaxRegisters;
  }

  // Joins the group that computes `input` to the group of the elementwise operation `at`, if they can be one chain.
  void Join(std::vector<int>* group, ValueId input, int at) {
    const int producer = producer_[static_cast<size_t>(input)];
    if (producer < 0 || !mil::IsElementwise(Operation(producer).kind)) return;
    if (Value(input).type.shape != Value(Operation(at).result).type.shape || IsConstant(producer) != IsConstant(at))
      return;
    std::vector<int>& other = groups_[static_cast<size_t>(group_of_[static_cast<size_t>(producer)])];
    // Empty if the group was joined for an earlier operand.
    if (other.empty()) return;
    std::vector<int> joined = *group;
    joined.insert(joined.end(), other.begin(), other.end());
    std::sort(joined.begin(), joined.end());
    if (!CanRunTogether(joined, at) || !FitsRegisters(joined)) return;
    other.clear();
    *group = std::move(joined);
  }

  // Joins the chain that computes the operand of a reduction, if it has no other use.
  void Consume(std::vector<int>* group, int at) {
    const ValueId input = Operation(at).inputs[0];
    const int producer = producer_[static_cast<size_t>(input)];
    if (producer < 0 || !mil::IsElementwise(Operation(producer).kind) || IsConstant(producer) != IsConstant(at)) return;
    std::vector<int>& chain = groups_[static_cast<size_t>(group_of_[static_cast<size_t>(producer)])];
    for (int member : chain) {
      for (int user : Users(Operation(member).result)) {
        if (user != at && std::find(chain.begin(), chain.end(), user) == chain.end()) return;
      }
    }
    std::vector<int> joined = std::move(chain);
    chain.clear();
    joined.push_back(at);
    *group = std::move(joined);
  }

  std::vector<Step> Steps() const {
    std::vector<Step> steps;
    for (const std::vector<int>& group : groups_) {
      if (group.empty()) continue;
      Step step;
      step.operations = group;
      step.constant = IsConstant(group.back());
      for (int member : group) {
        const std::vector<int>& users = Users(Operation(member).result);
        const bool leaves = std::any_of(users.begin(), users.end(), [&](int user) {
          return std::find(group.begin(), group.end(), user) == group.end();
        });
        if (leaves) step.results.push_back(Operation(member).result);
      }
      steps.push_back(std::move(step));
    }
    return steps;
  }

  const mil::TypedProgram& program_;
  // The operations that read each value, in ascending order.
  std::vector<std::vector<int>> users_;
  std::vector<int> producer_;
  std::vector<bool> constant_;
  std::vector<bool> live_;
  // In the order of their last members. An empty group was joined to a later one.
  std::vector<std::vector<int>> groups_;
  std::vector<int> group_of_;
};

}  // namespace

std::vector<Step> CutIntoSteps(const mil::TypedProgram& program) { return Cutter(program).Cut(); }

}  // namespace mayfly::cpu
