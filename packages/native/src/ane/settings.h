// What the environment asks of the ane device; every optional path is off unless named here.
#pragma once

#include <optional>
#include <string>

#include "ane/dialect.h"
#include "ane/model.h"

namespace mayfly::ane {

struct Settings {
  // MAYFLY_ANE_EVALUATE = standard | direct | real-time. Default standard.
  EvaluationPath path = EvaluationPath::kStandard;
  // MAYFLY_ANE_DIALECT = ios18 | ios16. Default: what the canary compilation accepts.
  std::optional<Dialect> dialect;
  // MAYFLY_ANE_CACHE = a folder for compiled programs. Default empty: none.
  std::string cache;
  // MAYFLY_ANE_RELOAD = on | off: load programs that were unloaded again with other weights instead of compiling.
  // Default off.
  bool reload = false;
  // MAYFLY_ANE_QOS = 0 … 63, default 21; MAYFLY_ANE_STATISTICS = on | off, default off.
  ModelSettings model;

  // Throws ERR_INVALID_ARGUMENT.
  static Settings FromEnvironment();
};

const char* NameOf(EvaluationPath path);

}  // namespace mayfly::ane
