#include "mil/op_table.h"

namespace mayfly::mil {

CheckFunction FindOperation(std::string_view name) {
  for (const OpEntry* family : {kElementwiseOps, kReductionOps, kProductOps, kAttentionOps, kNormalizationOps,
                                kPoolingOps, kLayoutOps, kSliceOps, kAssemblyOps, kQuantizationOps}) {
    for (const OpEntry* entry = family; entry->name != nullptr; ++entry) {
      if (name == entry->name) return entry->check;
    }
  }
  return nullptr;
}

}  // namespace mayfly::mil
