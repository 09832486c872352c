#include "math/host/math_options.h"

#include <cmath>

#include "napi_arguments.h"

namespace mayfly {

uint8_t* ArenaRange(const Arena& arena, const Napi::Value& value, const char* name, int64_t bytes, int64_t alignment) {
  const auto offset = static_cast<int64_t>(WholeNumber(value, name));
  if (offset % alignment != 0) throw Unexpected(value, name, "a multiple of " + std::to_string(alignment));
  return arena.At(static_cast<uint64_t>(offset), static_cast<uint64_t>(bytes));
}

Precision PrecisionOrExact(const Napi::Value& value) {
  if (value.IsUndefined()) return Precision::kExact;
  const std::string name = Text(value, "precision");
  if (name == "exact") return Precision::kExact;
  if (name == "fast") return Precision::kFast;
  if (name == "blas") return Precision::kBlas;
  throw Unexpected(value, "precision", "'exact', 'fast' or 'blas'");
}

MathOptions::MathOptions(const Napi::Value& options, std::shared_ptr<Arena> arena) : arena_(std::move(arena)) {
  if (!options.IsObject()) throw Unexpected(options, "options", "an object");
  options_ = options.As<Napi::Object>();
}

bool MathOptions::Has(const char* name) const { return !options_.Get(name).IsUndefined(); }

int64_t MathOptions::Dimension(const char* name, int64_t least) const { return Whole(name, least, kLargestDimension); }

int64_t MathOptions::Whole(const char* name, int64_t least, int64_t most) const {
  return static_cast<int64_t>(
      WholeNumber(options_.Get(name), name, static_cast<uint64_t>(least), static_cast<uint64_t>(most)));
}

double MathOptions::Number(const char* name) const {
  return Checked(name, "a finite number", [](double number) { return std::isfinite(number); });
}

double MathOptions::Positive(const char* name) const {
  return Checked(name, "a number above 0",
                 [](double number) { return std::isfinite(number) && static_cast<float>(number) > 0; });
}

double MathOptions::Fraction(const char* name) const {
  return Checked(name, "a number from 0 to below 1", [](double number) { return number >= 0 && number < 1; });
}

double MathOptions::Checked(const char* name, const char* expected, bool (*accept)(double)) const {
  const Napi::Value value = options_.Get(name);
  if (!value.IsNumber() || !accept(value.As<Napi::Number>().DoubleValue())) throw Unexpected(value, name, expected);
  return value.As<Napi::Number>().DoubleValue();
}

bool MathOptions::Flag(const char* name) const {
  const Napi::Value value = options_.Get(name);
  if (!value.IsUndefined() && !value.IsBoolean()) throw Unexpected(value, name, "true or false");
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

bool MathOptions::Second(const char* name, const char* first, const char* second) const {
  const Napi::Value value = options_.Get(name);
  const std::string word = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  if (word != first && word != second)
    throw Unexpected(value, name, "'" + std::string(first) + "' or '" + second + "'");
  return word == second;
}

Precision MathOptions::PrecisionOrExact() const { return mayfly::PrecisionOrExact(options_.Get("precision")); }

MatrixOutput MathOptions::Matrix(const char* name, const char* type_name, const char* stride_name, int64_t rows,
                                 int64_t columns) const {
  const DType dtype = Second(type_name, "fp16", "fp32") ? DType::kFp32 : DType::kFp16;
  const int64_t stride = Dimension(stride_name, columns);
  const int64_t size = static_cast<int64_t>(SizeOf(dtype));
  return {ArenaRange(*arena_, options_.Get(name), name, ((rows - 1) * stride + columns) * size, size), dtype, stride};
}

MatrixView MathOptions::View(const char* name, const char* type_name, const char* stride_name, int64_t rows,
                             int64_t columns) const {
  const MatrixOutput matrix = Matrix(name, type_name, stride_name, rows, columns);
  return {matrix.data, matrix.dtype, matrix.row_stride, 1};
}

}  // namespace mayfly
