// MIL text through the parser, the checks and the cpu device's planner, and where it is small its loops: refused with
// an error of ours, or run.
#include <string>
#include <string_view>
#include <vector>

#include "cpu/cpu_device.h"
#include "error.h"
#include "fuzz_target.h"
#include "mil/signature.h"
#include "mil/typed_program.h"

namespace {

using mayfly::mil::TypedProgram;

// Sizes that wrap are found by planning; what takes long to compute finds nothing that small shapes do not find. Within
// the sanitizers' limits of memory.
constexpr int64_t kMaxScratchBytes = 64 << 20;

bool IsSmall(const TypedProgram& program) {
  int64_t elements = 0;
  for (const auto& value : program.values) elements += value.type.elements();
  return elements < 20'000;
}

// A weight file with one record of four fp16 numbers, under the name that the corpus uses.
std::vector<uint8_t> WeightFile() {
  std::vector<uint8_t> file(136);
  file[0] = 1;
  file[4] = 2;
  const uint8_t record[] = {0xef, 0xbe, 0xad, 0xde, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 128};
  std::copy(std::begin(record), std::end(record), file.begin() + 64);
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<uint8_t> weights = WeightFile();
  static const auto engine = std::make_shared<mayfly::cpu::Engine>(1, mayfly::Precision::kExact, kMaxScratchBytes);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    mayfly::mil::ReadSignature(text);
  } catch (const mayfly::Error&) {
  }
  try {
    const TypedProgram checked =
        mayfly::mil::CheckProgram(text, {{"@model_path/weights/w.bin", weights.data(), weights.size()}});
    const auto program = mayfly::CompileOnCpu(checked, engine);
    if (!IsSmall(checked) || program->shared_bytes() > (1 << 20)) return 0;
    std::vector<std::vector<uint8_t>> memory;
    for (const auto& port : program->inputs()) memory.emplace_back(port.bytes(), 1);
    for (const auto& port : program->outputs()) memory.emplace_back(port.bytes());
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    for (std::vector<uint8_t>& port : memory) {
      if (inputs.size() < program->inputs().size())
        inputs.push_back(port.data());
      else
        outputs.push_back(port.data());
    }
    program->Evaluate(inputs.data(), outputs.data());
  } catch (const mayfly::Error&) {
  }
  return 0;
}
