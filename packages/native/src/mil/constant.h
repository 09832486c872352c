// Evaluates literals.
#pragma once

#include "mil/ast.h"
#include "mil/typed_program.h"
#include "mil/weight_file.h"

namespace mayfly::mil {

// The value of a literal of type `declared`, or of its own type if `declared` is null. A bare literal is a bool, a
// string, an int32, or an fp32 if a number has a fraction. Throws ERR_MIL_TYPE or ERR_WEIGHT_BLOB.
// Elements of packed types become one byte each. Appends warnings about the records of weight files.
Value EvaluateLiteral(const Literal& literal, const Type* declared, const std::vector<WeightFile>& files,
                      std::vector<std::string>* warnings);

}  // namespace mayfly::mil
