// Operations by name: each checks a call and appends what it computes. One file in ops/ per family.
#pragma once

#include <string_view>

#include "mil/call.h"

namespace mayfly::mil {

using CheckFunction = void (*)(Call& call);

// Null for what no device here knows.
CheckFunction FindOperation(std::string_view name);

struct OpEntry {
  const char* name;
  CheckFunction check;
};

// A family's table, ended by an entry without a name.
extern const OpEntry kElementwiseOps[];
extern const OpEntry kReductionOps[];
extern const OpEntry kProductOps[];
extern const OpEntry kLayoutOps[];
extern const OpEntry kSliceOps[];
extern const OpEntry kAssemblyOps[];
extern const OpEntry kQuantizationOps[];

}  // namespace mayfly::mil
