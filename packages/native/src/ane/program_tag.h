// Tells programs apart whose texts are equal. The system finds what it compiled by the text: on an M4 Max, programs
// with equal texts and other weights computed with the weights of the first. So the text that the framework gets has an
// entry in its buildInfo, which the compiler ignores.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mil/weight_file.h"

namespace mayfly::ane {

// The text with `programTag`, a digest of the weights. It is the same in every process, so that the system need not
// compile anew what it has. Without weights, the text as it is.
std::string WithWeightsTag(std::string_view text, const std::vector<mil::WeightFile>& weights);

// The text with `processTag`, which no other text has, in any process.
std::string WithUniqueTag(std::string_view text);

}  // namespace mayfly::ane
