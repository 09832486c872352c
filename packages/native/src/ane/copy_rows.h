// A matrix copied from plain memory into a surface.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mayfly::ane {

struct RowCopy {
  // In bytes from the beginning of the surface.
  size_t to;
  size_t to_stride;
  const void* from;
  size_t from_stride;
  size_t rows;
  size_t row_bytes;

  size_t bytes() const { return rows * row_bytes; }
};

void CopyRows(const RowCopy& copy, uint8_t* surface);

}  // namespace mayfly::ane
