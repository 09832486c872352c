// The interface of devices: compile a MIL program with its weight files, evaluate it on plain memory.
// A new device is a folder beside cpu/ and one line in devices.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dtype.h"
#include "math/gemm/precision.h"
#include "mil/weight_file.h"
#include "size_math.h"

namespace mayfly {

struct Port {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;

  size_t bytes() const {
    return static_cast<size_t>(SizeProduct(ElementsOf(shape), static_cast<int64_t>(SizeOf(dtype))));
  }
  size_t columns() const { return static_cast<size_t>(shape.empty() ? 1 : shape.back()); }
  size_t row_bytes() const { return columns() * SizeOf(dtype); }
};

// A matrix of a program's first input, wherever it lies.
struct InputPart {
  const void* from;
  // Bytes from row to row.
  size_t from_stride;
  // Of its first row, in bytes from the beginning of the input, whose rows are those of its last axis.
  size_t at;
  size_t rows;
  size_t row_bytes;

  bool operator==(const InputPart& other) const {
    return from == other.from && from_stride == other.from_stride && at == other.at && rows == other.rows &&
           row_bytes == other.row_bytes;
  }
};

// What the caller knows of a program's first input and of its output, so that a device that copies them may copy less.
struct InputReuse {
  // The first columns (along the last axis) of each row, which may differ from the last evaluation with this pointer.
  size_t fresh_columns = 0;
  // All other columns hold what they held at any earlier evaluation, of any program, with this pointer and this
  // generation, or what an evaluation with this output_generation wrote there. 0: nothing is reused.
  uint64_t generation = 0;
  // Names what this evaluation writes, which the output's memory holds as long as it is named so. 0: it has no name.
  uint64_t output_generation = 0;
  // All that the program reads of the fresh columns. Empty: the fresh columns as they are in the input.
  std::vector<InputPart> parts;
  // Rows of the output, from the first on, that have to be written when the evaluation returns. It may leave the others
  // pending. Default: all.
  std::optional<size_t> leading_rows;
};

// Rows of an output that an evaluation left to another thread.
class PendingOutput {
 public:
  virtual ~PendingOutput() = default;
  // Calls `ended` once all is written, or the other thread has failed to: on any thread, or within this call.
  virtual void WhenEnded(std::function<void(const std::string& failure)> ended) = 0;
  virtual void Wait() = 0;  // Writes what the other thread could not. Throws mayfly::Error.
};

// Bytes copied between the caller's memory and a device's own.
struct CopiedBytes {
  uint64_t in = 0;
  uint64_t out = 0;
  // Of `in`, those that an evaluation found copied when it began.
  uint64_t prefetched = 0;
  // Of `out`, those that an evaluation left pending.
  uint64_t pending = 0;
};

class Program {
 public:
  virtual ~Program() = default;
  // In the order of the function's parameters and of its returned tuple. Tensors are dense and row-major.
  virtual const std::vector<Port>& inputs() const = 0;
  virtual const std::vector<Port>& outputs() const = 0;
  // Memory this program holds for itself.
  virtual size_t resident_bytes() const = 0;
  // Memory that this program needs in addition, shared with all programs of its device.
  virtual size_t shared_bytes() const { return 0; }
  // Reads inputs and writes outputs in place; they must not overlap. Throws ERR_INPUT_DATA for values that the program
  // accepts on no device, ERR_ARENA_BOUNDS for a wrong argument, and any other mayfly::Error where the device fails.
  virtual void Evaluate(const void* const* inputs, void* const* outputs) = 0;
  // Whether EvaluateFresh gets parts of the input from where they lie. Otherwise they have to be in place before.
  virtual bool gathers() const { return false; }
  // The same; the device may copy less. What of the fresh columns is no part may be anything.
  virtual void EvaluateFresh(const void* const* inputs, void* const* outputs, const InputReuse&) {
    Evaluate(inputs, outputs);
  }
  // What the last evaluation left pending, if anything; once for each evaluation. The program outlives it.
  virtual std::shared_ptr<PendingOutput> TakePending() { return nullptr; }
  // Begins to copy, beside other evaluations, what one with this first input will read: the columns that it reuses, and
  // `parts`, which have to stay as they are until then. Fresh columns of no part are left to the evaluation.
  virtual void Prefetch(const void* /*input*/, const InputReuse&) {}
  // What was copied so far: nothing on a device that computes in place.
  virtual CopiedBytes copied() const { return {}; }
  // Compilations that this program cost the process: 0 if it came from a cache.
  virtual int compilations() const { return 1; }
  // Sentences about its weight files, for whoever asked for the compilation.
  const std::vector<std::string>& warnings() const { return warnings_; }
  void set_warnings(std::vector<std::string> warnings) { warnings_ = std::move(warnings); }
  // Durations of compiling and of the last evaluation as the device measures them; 0 where the caller's clock is as
  // good.
  virtual uint64_t compile_nanoseconds() const { return 0; }
  virtual uint64_t evaluate_nanoseconds() const { return 0; }

 private:
  std::vector<std::string> warnings_;
};

struct CompileOptions {
  // The function of the program; empty for `main`, or the first if none has that name.
  std::string function;
  // Passes the text on to an engine without checking it: only ports are read. For devices that have a compiler of their
  // own.
  bool unchecked = false;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const char* name() const = 0;
  // Of a device that has several ways to its hardware, the one in use; empty for others.
  virtual const char* api() const { return ""; }
  // Memory that its programs share.
  virtual size_t shared_bytes() const { return 0; }
  // Throws mayfly::Error (ERR_MIL_SYNTAX, ERR_MIL_TYPE, ERR_MIL_UNSUPPORTED, ERR_WEIGHT_BLOB, …).
  virtual std::unique_ptr<Program> Compile(std::string_view text, const std::vector<mil::WeightFile>& weights,
                                           const CompileOptions& options = {}) = 0;
};

// Options of more than one device.
struct DeviceOptions {
  // Threads that compute, the caller included.
  int threads = 1;
  // Of matrix products on the cpu device; the others have their own.
  Precision precision = Precision::kExact;
};

}  // namespace mayfly
