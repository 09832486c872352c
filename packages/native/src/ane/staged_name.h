// Where the weight files of MIL text lie within a staged directory: their paths without `@model_path/`.
#pragma once

#include <string>
#include <vector>

#include "device/device.h"

namespace mayfly::ane {

// Throws ERR_WEIGHT_BLOB for a path that leaves the directory, or that is no name of a file there.
std::string StagedName(const std::string& weight_path);

// Throws ERR_WEIGHT_BLOB where two files of a program, its text included, could not both be staged. Names that differ
// in case alone are one on most Macs.
void CheckStagedNames(const std::vector<mil::WeightFile>& weights);

}  // namespace mayfly::ane
