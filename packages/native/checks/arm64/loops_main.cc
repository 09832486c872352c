// Runs host math or MIL programs on the cpu device and writes the results, so that a build for another processor can be
// compared with this one's: `loops math`, or `loops programs FILE` with cases as test/fixtures/arm64-loops.ts writes
// them.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "cpu/cpu_device.h"
#include "error.h"
#include "math/gemm/gemm.h"
#include "math/gemm/gemm_choice.h"
#include "math/gemm/matrix_vector.h"
#include "math/host/adamw.h"
#include "math/host/convert.h"
#include "math/host/cross_entropy.h"
#include "math/host/logits.h"
#include "math/host/norm.h"
#include "math/host/reduce.h"
#include "math/host/rope.h"

namespace mayfly {
namespace {

// The same numbers everywhere: whole multiples of 2⁻²⁰ from a linear congruential generator.
class Numbers {
 public:
  explicit Numbers(uint32_t seed) : state_(seed) {}
  std::vector<float> Floats(size_t count, float scale = 1) {
    std::vector<float> result(count);
    for (float& x : result) x = scale * (static_cast<float>(Next() >> 12) / (1 << 19) - 1);
    return result;
  }
  uint32_t Next() { return state_ = state_ * 1664525u + 1013904223u; }

 private:
  uint32_t state_;
};

void Print(const char* name, const float* values, size_t count) {
  std::printf("%s", name);
  for (size_t i = 0; i < count; ++i) std::printf(" %.9g", static_cast<double>(values[i]));
  std::printf("\n");
}
void Print(const char* name, const std::vector<float>& values) { Print(name, values.data(), values.size()); }

std::vector<uint16_t> Halves(const std::vector<float>& values, ThreadPool& pool) {
  std::vector<uint16_t> halves(values.size());
  const int64_t count = static_cast<int64_t>(values.size());
  ToHalf({values.data(), count, halves.data(), count, 1, count, false}, pool);
  return halves;
}

void PrintHalves(const char* name, const std::vector<uint16_t>& halves, ThreadPool& pool) {
  std::vector<float> values(halves.size());
  const int64_t count = static_cast<int64_t>(halves.size());
  ToFloat(halves.data(), count, values.data(), count, 1, count, pool);
  Print(name, values);
}

void Conversions(ThreadPool& pool) {
  std::vector<uint16_t> all(1 << 16);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  PrintHalves("half-to-float", all, pool);
  std::vector<float> edges = {0.0f,       -0.0f,         65504,         65519.996f,    65520,
                              -65520,     5.9604645e-8f, 2.9802322e-8f, 2.9802326e-8f, 6.1035156e-5f,
                              6.1005e-5f, 1.00048828f,   1.00146484f,   2049,          2051};
  for (float x : Numbers(1).Floats(4099, 70000)) edges.push_back(x);
  for (float x : Numbers(2).Floats(4099, 1e-4f)) edges.push_back(x);
  PrintHalves("float-to-half", Halves(edges, pool), pool);
  const std::vector<float> matrix = Numbers(3).Floats(37 * 53);
  std::vector<uint16_t> turned(matrix.size());
  ToHalf({matrix.data(), 53, turned.data(), 37, 37, 53, true}, pool);
  PrintHalves("transposed", turned, pool);
}

void Products(ThreadPool& pool) {
  struct Case {
    int64_t m, n, k;
    bool a_transposed, b_transposed, half;
  };
  for (const Case& c : {Case{1, 1, 1, false, false, false}, Case{17, 29, 65, false, false, false},
                        Case{40, 100, 33, true, false, false}, Case{24, 48, 200, false, true, true},
                        Case{7, 13, 600, true, true, true}, Case{96, 96, 96, false, false, true}}) {
    Numbers numbers(static_cast<uint32_t>(c.m * c.n + c.k));
    const std::vector<float> a = numbers.Floats(static_cast<size_t>(c.m * c.k)),
                             b = numbers.Floats(static_cast<size_t>(c.k * c.n));
    const std::vector<uint16_t> a16 = Halves(a, pool), b16 = Halves(b, pool);
    std::vector<float> out = numbers.Floats(static_cast<size_t>(c.m * c.n));
    const DType type = c.half ? DType::kFp16 : DType::kFp32;
    GemmArgs args{c.m, c.n, c.k, {}, {}, {out.data(), DType::kFp32, c.n}, 0.75f, 0.5f};
    args.a = {c.half ? static_cast<const void*>(a16.data()) : a.data(), type, c.a_transposed ? 1 : c.k,
              c.a_transposed ? c.m : 1};
    args.b = {c.half ? static_cast<const void*>(b16.data()) : b.data(), type, c.b_transposed ? 1 : c.n,
              c.b_transposed ? c.k : 1};
    Gemm(args, &pool);
    Print("gemm", out);
    std::vector<uint16_t> narrow(out.size());
    args.c = {narrow.data(), DType::kFp16, c.n};
    args.beta = 0;
    Gemm(args, &pool);
    PrintHalves("gemm-to-half", narrow, pool);
  }
}

// A row or a column times a matrix whose rows or columns are contiguous. Sums along contiguous elements have an order
// of the vector's width.
void MatrixVectors(ThreadPool& pool) {
  struct Case {
    int64_t rows, depth;
    bool contiguous_columns, row, half;
  };
  for (const Case& c :
       {Case{1, 1, false, false, false}, Case{70, 3, false, false, true}, Case{301, 77, false, true, true},
        Case{37, 600, false, true, false}, Case{1, 9, true, false, true}, Case{300, 131, true, false, false},
        Case{67, 64, true, true, true}}) {
    Numbers numbers(static_cast<uint32_t>(c.rows * 3 + c.depth));
    const std::vector<float> matrix = numbers.Floats(static_cast<size_t>(c.rows * c.depth)),
                             vector = numbers.Floats(static_cast<size_t>(c.depth));
    const std::vector<uint16_t> matrix16 = Halves(matrix, pool), vector16 = Halves(vector, pool);
    std::vector<float> out = numbers.Floats(static_cast<size_t>(c.rows));
    const DType type = c.half ? DType::kFp16 : DType::kFp32;
    const void* const data = c.half ? static_cast<const void*>(matrix16.data()) : matrix.data();
    const void* const x = c.half ? static_cast<const void*>(vector16.data()) : vector.data();
    const int64_t from_row = c.contiguous_columns ? 1 : c.depth, from_depth = c.contiguous_columns ? c.rows : 1;
    GemmArgs args{c.rows, 1, c.depth, {data, type, from_row, from_depth}, {x, type, 1, 1}, {}, 0.75f, 0.5f};
    args.c = {out.data(), DType::kFp32, 1};
    if (c.row) {
      args = {1, c.rows, c.depth, {x, type, c.depth, 1}, {data, type, from_depth, from_row}, args.c, 0.75f, 0.5f};
    }
    BatchedMatrixVector(args, 1, 0, 0, 0, &pool);
    Print(c.contiguous_columns ? "matrix-vector" : "~matrix-vector", out);
  }
  constexpr int64_t kRows = 301, kDepth = 200;
  Numbers numbers(8);
  const std::vector<uint16_t> matrix = Halves(numbers.Floats(kRows * kDepth), pool);
  const std::vector<float> x = numbers.Floats(kDepth);
  std::vector<float> out(kRows);
  HalfMatrixVector(matrix.data(), kRows, kDepth, x.data(), out.data(), &pool);
  Print("~half-matrix-vector", out);
}

void Optimizer(ThreadPool& pool) {
  Numbers numbers(5);
  constexpr int64_t kRows = 17, kColumns = 59;
  constexpr size_t kCount = kRows * kColumns;
  std::vector<float> weights = numbers.Floats(kCount), m = numbers.Floats(kCount, 0.1f),
                     v = numbers.Floats(kCount, 0.05f);
  for (float& x : v) x = x * x;
  const std::vector<float> gradients = numbers.Floats(kCount);
  std::vector<uint16_t> half(kCount);
  AdamwArgs args{};
  args.weights = weights.data();
  args.gradients = gradients.data();
  args.m = m.data();
  args.v = v.data();
  args.count = kCount;
  args.lr = 1e-3;
  args.beta1 = 0.9;
  args.beta2 = 0.999;
  args.eps = 1e-8;
  args.weight_decay = 0.1;
  args.step = 7;
  args.gradient_scale = 0.5;
  args.half = half.data();
  args.half_stride = kRows;
  args.columns = kColumns;
  args.transpose = true;
  Adamw(args, pool);
  PrintHalves("adamw-half", half, pool);
  Print("adamw-weights", weights);
  Print("adamw-m", m);
  Print("adamw-v", v);
}

void Norms(ThreadPool& pool) {
  constexpr int64_t kDim = 48, kColumns = 133;
  constexpr size_t kSize = kDim * kColumns;
  Numbers numbers(6);
  const std::vector<float> x = numbers.Floats(kSize, 2), weight = numbers.Floats(kDim), d_out = numbers.Floats(kSize);
  const std::vector<uint16_t> addend = Halves(numbers.Floats(kSize), pool);
  std::vector<float> sum(kSize), dx = numbers.Floats(kSize), d_weight(kDim);
  std::vector<uint16_t> out(kSize), dx16(kSize);
  ResidualNorm({x.data(),
                addend.data(),
                kColumns,
                sum.data(),
                weight.data(),
                {out.data(), DType::kFp16, kColumns},
                1e-5f,
                kDim,
                kColumns},
               pool);
  Print("residual-sum", sum);
  PrintHalves("norm", out, pool);
  NormBackwardArgs args{};
  args.x = {sum.data(), DType::kFp32, kColumns, 1};
  args.weight = weight.data();
  args.d_out = {d_out.data(), DType::kFp32, kColumns, 1};
  args.dx = dx.data();
  args.d_weight = d_weight.data();
  args.out = dx16.data();
  args.out_stride = kColumns;
  args.eps = 1e-5f;
  args.dim = kDim;
  args.columns = kColumns;
  NormBackward(args, pool);
  Print("norm-dx", dx);
  Print("~norm-d-weight", d_weight);
  PrintHalves("norm-dx-half", dx16, pool);
}

void Others(ThreadPool& pool) {
  Numbers numbers(7);
  std::vector<float> heads = numbers.Floats(2 * 16 * 45);
  for (const bool halves : {false, true}) {
    Rope({heads.data(), 2, 16, 45, 15, 10000, halves, false}, pool);
    Print("rope", heads);
  }
  const double squares = SumOfSquares(heads.data(), static_cast<int64_t>(heads.size()), pool);
  const float single = static_cast<float>(squares);
  Print("sum-of-squares", &single, 1);
  constexpr int64_t kVocab = 301, kDim = 24, kColumns = 37;
  const std::vector<float> x = numbers.Floats(kDim * kColumns, 2), table = numbers.Floats(kVocab * kDim, 2);
  std::vector<float> dx(kDim * kColumns), d_table(kVocab * kDim), logits(kVocab);
  std::vector<int32_t> targets;
  for (int n = 0; n < kColumns; ++n) targets.push_back(static_cast<int32_t>(numbers.Next() % kVocab));
  CrossEntropyArgs args{};
  args.x = x.data();
  args.table = table.data();
  args.vocab = kVocab;
  args.dim = kDim;
  args.columns = kColumns;
  args.dx = dx.data();
  args.d_table = d_table.data();
  args.gradient_scale = 0.25f;
  const float loss = static_cast<float>(CrossEntropy(args, targets, pool));
  Print("loss", &loss, 1);
  Print("loss-dx", dx);
  Print("loss-d-table", d_table);
  Logits(table.data(), DType::kFp32, x.data(), kColumns, logits.data(), kVocab, kDim, pool);
  Print("~logits", logits);
}

uint64_t Read(std::ifstream& file) {
  uint64_t value = 0;
  file.read(reinterpret_cast<char*>(&value), sizeof value);
  return value;
}

std::string ReadBytes(std::ifstream& file) {
  std::string bytes(Read(file), '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

// Cases: text, path of the weight file, its bytes, number of inputs, each input's bytes; all with 64-bit lengths. The
// outputs' bytes, dense, go to standard output.
void Programs(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::unique_ptr<Device> device = OpenCpuDevice({});
  for (uint64_t left = Read(file); left > 0; --left) {
    const std::string text = ReadBytes(file), weight_path = ReadBytes(file), weights = ReadBytes(file);
    std::vector<std::string> inputs(Read(file));
    for (std::string& input : inputs) input = ReadBytes(file);
    std::vector<mil::WeightFile> files;
    if (!weights.empty())
      files.push_back({weight_path, reinterpret_cast<const uint8_t*>(weights.data()), weights.size()});
    const std::unique_ptr<Program> program = device->Compile(text, files);
    std::vector<const void*> in;
    for (const std::string& input : inputs) in.push_back(input.data());
    std::vector<std::vector<uint8_t>> results;
    for (const Port& port : program->outputs()) results.emplace_back(port.bytes());
    std::vector<void*> out;
    for (std::vector<uint8_t>& result : results) out.push_back(result.data());
    program->Evaluate(in.data(), out.data());
    for (const std::vector<uint8_t>& result : results) std::fwrite(result.data(), 1, result.size(), stdout);
  }
}

}  // namespace
}  // namespace mayfly

int main(int count, char** arguments) {
  using namespace mayfly;
  try {
    if (count == 3 && std::strcmp(arguments[1], "programs") == 0) {
      Programs(arguments[2]);
      return 0;
    }
    ThreadPool pool(2);
    std::printf("isa %s\n", InstructionSet());
    Conversions(pool);
    Products(pool);
    MatrixVectors(pool);
    Optimizer(pool);
    Norms(pool);
    Others(pool);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
