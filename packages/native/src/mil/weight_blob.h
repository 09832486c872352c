// Weight files in the MILBlob v2 layout: a 64-byte header {count, version 2}, then for each tensor a 64-byte metadata
// record {0xDEADBEEF, dtype, size in bytes, offset of the data} and the data. BLOBFILE names the
// record. Data begin at multiples of 64 bytes, behind the header, and not within their own record.
#pragma once

#include <cstdint>
#include <vector>

#include "mil/ast.h"
#include "mil/weight_file.h"

namespace mayfly::mil {

// The data of one record, which must hold exactly a `type`. Throws ERR_WEIGHT_BLOB, naming path and offset.
const uint8_t* FindBlob(const std::vector<WeightFile>& files, const BlobReference& blob, const Type& type,
                        Position position);

}  // namespace mayfly::mil
