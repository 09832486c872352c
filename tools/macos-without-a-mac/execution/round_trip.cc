#include "round_trip.h"

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ane/ane_device.h"
#include "ane/canary.h"
#include "ane/canary_program.h"
#include "ane/chip.h"
#include "ane/file_lock.h"
#include "ane/foundation.h"
#include "ane/framework.h"
#include "error.h"
#include "math/simd/half.h"

namespace {

using mayfly::Device;
using mayfly::Error;
using mayfly::Program;

// `what: result`, or the error that was caught.
std::string Line(const std::string& what, const std::function<std::string()>& body) {
  try {
    return what + ": " + body();
  } catch (const Error& error) {
    const std::string position = std::to_string(error.line()) + ":" + std::to_string(error.column());
    return what + ": " + error.code() + " at " + position + ": " + error.what();
  }
}

// The result of a canary for an input in which no two rows are alike, as the bits of its halves.
std::string Evaluate(Program* program, const mayfly::InputReuse& reuse) {
  std::vector<uint16_t> input(program->inputs()[0].bytes() / sizeof(uint16_t));
  for (size_t i = 0; i < input.size(); ++i) input[i] = mayfly::FloatToHalf(0.125f * static_cast<float>(i % 97) - 6);
  std::vector<uint16_t> output(program->outputs()[0].bytes() / sizeof(uint16_t));
  const void* inputs[] = {input.data()};
  void* outputs[] = {output.data()};
  program->EvaluateFresh(inputs, outputs, reuse);
  if (const std::shared_ptr<mayfly::PendingOutput> pending = program->TakePending()) pending->Wait();
  std::string bits;
  char word[8];
  for (uint16_t half : output) {
    std::snprintf(word, sizeof word, "%04x", half);
    bits += word;
  }
  return bits;
}

mayfly::InputReuse Reuse(size_t fresh_columns) {
  mayfly::InputReuse reuse;
  reuse.fresh_columns = fresh_columns;
  reuse.generation = 1;
  return reuse;
}

std::string PortsOf(const Program& program) {
  std::string text;
  for (const auto* ports : {&program.inputs(), &program.outputs()}) {
    for (const mayfly::Port& port : *ports) text += port.name + " " + std::to_string(port.bytes()) + " ";
  }
  return text + "resident " + std::to_string(program.resident_bytes());
}

// Whether a second lock of a file is refused, and one after the first is gone taken.
std::string LockTwice() {
  const mayfly::ane::AutoreleasePool pool;
  const std::string path = mayfly::ane::TemporaryDirectory() + "/lock";
  bool held;
  {
    const auto first = mayfly::ane::FileLock::Wait(path);
    held = mayfly::ane::FileLock::Try(path).held();
  }
  const bool again = mayfly::ane::FileLock::Try(path).held();
  return std::string(held ? "held" : "refused") + ", then " + (again ? "held" : "refused");
}

void UseDevice(Device* device, void (*print)(const char* line)) {
  const auto dialect = mayfly::ane::Dialect::kIos18;
  const mayfly::ane::CanaryWeights weights(2.5f);
  const std::string text = mayfly::ane::OnePortCanary(dialect);
  std::unique_ptr<Program> program;
  const auto tell = [&](const std::string& what, const std::function<std::string()>& body) {
    print(Line(what, body).c_str());
  };
  tell("compile and load", [&] {
    program = device->Compile(text, weights.files());
    return PortsOf(*program);
  });
  if (program != nullptr) {
    // The second follows what an injected fault did to the first.
    for (const char* what : {"evaluate", "evaluate again"}) tell(what, [&] { return Evaluate(program.get(), {}); });
    tell("evaluate with reuse", [&] { return Evaluate(program.get(), Reuse(64)); });
    tell("too many fresh columns", [&] { return Evaluate(program.get(), Reuse(65)); });
    tell("evaluate, rows after the first beside it", [&] {
      mayfly::InputReuse reuse = Reuse(64);
      reuse.leading_rows = 1;
      return Evaluate(program.get(), reuse);
    });
  }
  tell("several ports",
       [&] { return PortsOf(*device->Compile(mayfly::ane::TwoPortCanary(dialect), weights.files())); });
  tell("text cut off", [&] { return PortsOf(*device->Compile(text.substr(0, text.size() / 2), weights.files())); });
  tell("no weights", [&] { return PortsOf(*device->Compile(text, {})); });
  tell("unload", [&] {
    program = nullptr;
    return std::string("done");
  });
}

}  // namespace

void RoundTrip(void (*print)(const char* line)) {
  const auto tell = [&](const std::string& what, const std::function<std::string()>& body) {
    print(Line(what, body).c_str());
  };
  const mayfly::Availability availability = mayfly::AneAvailability();
  tell("available", [&] { return availability.available ? "yes" : availability.reason; });
  if (!availability.available) return;
  tell("chip", [] { return mayfly::ane::ChipName(); });
  tell("lock twice", LockTwice);
  for (const mayfly::ane::ProbedMethod& probed : mayfly::ane::ProbeFramework().methods) {
    tell(mayfly::ane::Describe(*probed.method), [&] { return probed.encoding + (probed.usable() ? " usable" : ""); });
  }
  for (const mayfly::ane::CanaryReport& report : mayfly::ane::RunCanaries({})) {
    tell("canary " + report.name, [&] { return report.outcome; });
  }
  tell("device", [&] {
    const std::unique_ptr<Device> device = mayfly::OpenAneDevice();
    UseDevice(device.get(), print);
    return std::string(device->name());
  });
}
