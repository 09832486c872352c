#include "ane/copy_rows.h"

#include <cstring>

namespace mayfly::ane {

void CopyRows(const RowCopy& copy, uint8_t* surface) {
  uint8_t* to = surface + copy.to;
  const auto* from = static_cast<const uint8_t*>(copy.from);
  if (copy.row_bytes == copy.to_stride && copy.row_bytes == copy.from_stride)
    return void(std::memcpy(to, from, copy.bytes()));
  for (size_t row = 0; row < copy.rows; ++row)
    std::memcpy(to + row * copy.to_stride, from + row * copy.from_stride, copy.row_bytes);
}

}  // namespace mayfly::ane
