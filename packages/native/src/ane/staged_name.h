// The paths of weight files within a staged directory: those of the MIL text without `@model_path/`.
#pragma once

#include <string>
#include <vector>

#include "device/device.h"

namespace mayfly::ane {

// Throws ERR_WEIGHT_BLOB for a path that leaves the directory or cannot be a file there.
std::string StagedName(const std::string& weight_path);

// Throws ERR_WEIGHT_BLOB if two files of a program, its text among them, cannot both be staged. On most Macs, names
// that differ only in case are the same.
void CheckStagedNames(const std::vector<mil::WeightFile>& weights);

}  // namespace mayfly::ane
