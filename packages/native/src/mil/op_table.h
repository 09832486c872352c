// Operations by name. Each checks a call and appends its operations to the program. ops/ has one file for each family.
#pragma once

#include <string_view>

#include "mil/call.h"

namespace mayfly::mil {

using CheckFunction = void (*)(Call& call);

// Null if no device of this addon has the operation.
CheckFunction FindOperation(std::string_view name);

struct OpEntry {
  const char* name;
  CheckFunction check;
};

// The tables of the families. Each ends with an entry without a name.
extern const OpEntry kElementwiseOps[];
extern const OpEntry kReductionOps[];
extern const OpEntry kProductOps[];
extern const OpEntry kAttentionOps[];
extern const OpEntry kNormalizationOps[];
extern const OpEntry kPoolingOps[];
extern const OpEntry kLayoutOps[];
extern const OpEntry kSliceOps[];
extern const OpEntry kAssemblyOps[];
extern const OpEntry kQuantizationOps[];

}  // namespace mayfly::mil
