// Weight files in the MILBlob v2 layout: a 64-byte header {count, version 2}, then for each tensor a 64-byte metadata
// record {0xDEADBEEF, dtype, size in bytes, offset of the data} and the data. BLOBFILE gives the offset of a record.
// Data start at a multiple of 64 bytes after the header and do not overlap their record.
#pragma once

#include <cstdint>
#include <vector>

#include "mil/ast.h"
#include "mil/weight_file.h"

namespace mayfly::mil {

// The data of one record, which must be exactly a `type`. Throws ERR_WEIGHT_BLOB with path and offset.
const uint8_t* FindBlob(const std::vector<WeightFile>& files, const BlobReference& blob, const Type& type,
                        Position position);

}  // namespace mayfly::mil
