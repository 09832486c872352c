// Compiled for size: its functions run seldom.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include "ane/canary_program.h"

#include "bytes.h"
#include "math/simd/half.h"

namespace mayfly::ane {
namespace {

constexpr const char* kWeightPath = "@model_path/weights/canary.bin";
constexpr const char* kSecondPath = "@model_path/weights/canary-2.bin";
constexpr const char* kTensor = "tensor<fp16, [1, 64, 1, 64]>";

// A parameter of an operation as a named constant.
std::string Parameter(Dialect dialect, const std::string& type, const std::string& name, const std::string& value) {
  const std::string scalar = dialect == Dialect::kIos18 ? type : "tensor<" + type + ", []>";
  return scalar + " " + name + " = const()[name = " + (dialect == Dialect::kIos18 ? "string" : "tensor<string, []>") +
         "(\"" + name + "\"), val = " + scalar + "(" + value + ")];\n";
}

std::string Text(Dialect dialect, const std::string& value) {
  return (dialect == Dialect::kIos18 ? "string(\"" : "tensor<string, []>(\"") + value + "\")";
}

std::string List(Dialect dialect, const std::string& name, const std::string& length, const std::string& values) {
  const std::string type = "tensor<int32, [" + length + "]>";
  return type + " " + name + " = const()[name = " + Text(dialect, name) + ", val = " + type + "([" + values + "])];\n";
}

std::string Program(Dialect dialect, const std::string& parameters, const std::string& body,
                    const std::string& returns) {
  const bool recent = dialect == Dialect::kIos18;
  const std::string header =
      recent ? "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-component-MIL\", \"3510.2.1\"}, "
               "{\"coremlc-version\", \"3505.4.1\"}, {\"coremltools-component-milinternal\", \"\"}, "
               "{\"coremltools-version\", \"9.0\"}})]\n"
             : "program(1.0)\n[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"coremlc-version\", "
               "\"3505.4.1\"}})]\n";
  return header + "{\nfunc main<" + NameOf(dialect) + ">(" + parameters + ") {\n" + body + "} -> (" + returns +
         ");\n}\n";
}

// The constants of every convolution of a program.
std::string ConvolutionParameters(Dialect dialect) {
  return Parameter(dialect, "string", "padding", "\"valid\"") + Parameter(dialect, "int32", "groups", "1") +
         List(dialect, "ones", "2", "1, 1") + List(dialect, "zeros", "4", "0, 0, 0, 0");
}

std::string Convolution(Dialect dialect, const std::string& input, const std::string& result,
                        const std::string& weight = "weight", const char* path = kWeightPath) {
  const std::string offset = dialect == Dialect::kIos18 ? "uint64(64)" : "tensor<uint64, []>(64)";
  const std::string type = "tensor<fp16, [64, 64, 1, 1]>";
  return type + " " + weight + " = const()[name = " + Text(dialect, weight) + ", val = " + type +
         "(BLOBFILE(path = " + Text(dialect, path) + ", offset = " + offset + "))];\n" + kTensor + " " + result +
         " = conv(dilations = ones, groups = groups, pad = zeros, pad_type = padding, strides = ones, weight = " +
         weight + ", x = " + input + ")[name = " + Text(dialect, result) + "];\n";
}

std::string Binary(Dialect dialect, const std::string& operation, const std::string& x, const std::string& y,
                   const std::string& result) {
  return std::string(kTensor) + " " + result + " = " + operation + "(x = " + x + ", y = " + y +
         ")[name = " + Text(dialect, result) + "];\n";
}

}  // namespace

std::string OnePortCanary(Dialect dialect) {
  return Program(dialect, std::string(kTensor) + " input",
                 ConvolutionParameters(dialect) + Convolution(dialect, "input", "result"), "result");
}

std::string TwoFileCanary(Dialect dialect) {
  return Program(dialect, std::string(kTensor) + " input",
                 ConvolutionParameters(dialect) + Convolution(dialect, "input", "product") +
                     Convolution(dialect, "product", "result", "second", kSecondPath),
                 "result");
}

std::string TwoPortCanary(Dialect dialect) {
  return Program(dialect, std::string(kTensor) + " b, " + kTensor + " a",
                 ConvolutionParameters(dialect) + Convolution(dialect, "b", "product") +
                     Binary(dialect, "sub", "product", "a", "z") + Binary(dialect, "add", "product", "a", "y"),
                 "z, y");
}

std::string ThreeOutputCanary(Dialect dialect) {
  return Program(dialect, std::string(kTensor) + " input",
                 ConvolutionParameters(dialect) + Convolution(dialect, "input", "product") +
                     Binary(dialect, "sub", "product", "input", "z") + Binary(dialect, "add", "product", "input", "y") +
                     Binary(dialect, "mul", "product", "input", "x"),
                 "z, y, x");
}

CanaryWeights::CanaryWeights(float diagonal) : bytes_(128 + kCanaryChannels * kCanaryChannels * 2) {
  uint8_t* const at = bytes_.data();
  // MILBlob v2: header {count, version}, record {sentinel, dtype fp16, bytes, data offset}, data.
  StoreBytes<uint32_t>(at, 1);
  StoreBytes<uint32_t>(at + 4, 2);
  StoreBytes<uint32_t>(at + 64, 0xDEADBEEF);
  StoreBytes<uint32_t>(at + 68, 1);
  StoreBytes<uint64_t>(at + 72, bytes_.size() - 128);
  StoreBytes<uint64_t>(at + 80, 128);
  for (size_t i = 0; i < kCanaryChannels; ++i) {
    StoreBytes<uint16_t>(at + 128 + 2 * (i * kCanaryChannels + i), FloatToHalf(diagonal));
  }
}

std::vector<mil::WeightFile> CanaryWeights::files() const { return {{kWeightPath, bytes_.data(), bytes_.size()}}; }

std::vector<mil::WeightFile> CanaryWeights::files(const CanaryWeights& second) const {
  return {{kWeightPath, bytes_.data(), bytes_.size()}, {kSecondPath, second.bytes_.data(), second.bytes_.size()}};
}

}  // namespace mayfly::ane
