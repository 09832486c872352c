// Settings of the ane device from environment variables. Every optional path is off by default.
#pragma once

#include <optional>

#include "ane/dialect.h"
#include "ane/model.h"

namespace mayfly::ane {

struct Settings {
  // MAYFLY_ANE_API = in-memory | client. Default in-memory.
  Api api = Api::kInMemory;
  // MAYFLY_ANE_EVALUATE = standard | direct. Default standard.
  EvaluationPath path = EvaluationPath::kStandard;
  // MAYFLY_ANE_DIALECT = ios18 | ios16. Default: the first in which a canary compiles.
  std::optional<Dialect> dialect;
  // MAYFLY_ANE_RELOAD = on | off: load an unloaded program again with other weights instead of compiling. Default off.
  bool reload = false;
  // MAYFLY_ANE_SURFACES = shared | own: programs read the surfaces of others. Default: if a canary shows that they can.
  std::optional<bool> shares_surfaces;
  // MAYFLY_ANE_PREFETCH = on | off: inputs are copied beside evaluations. Default: if a canary shows that they can be.
  std::optional<bool> prefetches;
  // MAYFLY_ANE_QOS = 0 … 63.
  unsigned quality_of_service = kQualityOfService;

  // Throws ERR_INVALID_ARGUMENT.
  static Settings FromEnvironment();
};

const char* NameOf(Api api);
const char* NameOf(EvaluationPath path);

}  // namespace mayfly::ane
