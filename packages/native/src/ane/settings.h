// Settings of the ane device from environment variables. Every optional path is off by default.
#pragma once

#include <optional>
#include <string>

#include "ane/dialect.h"
#include "ane/model.h"

namespace mayfly::ane {

struct Settings {
  // MAYFLY_ANE_EVALUATE = standard | direct | real-time. Default standard.
  EvaluationPath path = EvaluationPath::kStandard;
  // MAYFLY_ANE_DIALECT = ios18 | ios16. Default: the first in which a canary compiles.
  std::optional<Dialect> dialect;
  // MAYFLY_ANE_CACHE = a folder for compiled programs. Default: empty, for none.
  std::string cache;
  // MAYFLY_ANE_RELOAD = on | off: load an unloaded program again with other weights instead of compiling. Default off.
  bool reload = false;
  // MAYFLY_ANE_QOS = 0 … 63, default 21; MAYFLY_ANE_STATISTICS = on | off, default off.
  ModelSettings model;

  // Throws ERR_INVALID_ARGUMENT.
  static Settings FromEnvironment();
};

const char* NameOf(EvaluationPath path);

}  // namespace mayfly::ane
