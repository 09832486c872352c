// Weight files in the MILBlob v2 layout: a 64-byte header {count, version 2}, then for each tensor a 64-byte metadata
// record {0xDEADBEEF, dtype, size in bytes, offset of the data} and the data. BLOBFILE gives the offset of a record.
// Data start at a multiple of 64 bytes after the header and do not overlap their record.
//
// Public generators write records that engines take all the same: the type of fp16 for integers of a byte or less, a
// size that is not the tensor's, no offset of the data. Such a record is read by the tensor's type and shape, with a
// warning. A record that describes another tensor is an error, since reading it would give wrong numbers silently.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mil/ast.h"
#include "mil/weight_file.h"

namespace mayfly::mil {

// The data of one record, a `type`: StoredBytes(type) bytes. Throws ERR_WEIGHT_BLOB with path and offset. Appends to
// `warnings`.
const uint8_t* FindBlob(const std::vector<WeightFile>& files, const BlobReference& blob, const Type& type,
                        Position position, std::vector<std::string>* warnings);

}  // namespace mayfly::mil
