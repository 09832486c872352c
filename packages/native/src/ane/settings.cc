#include "ane/settings.h"

#include <cstdlib>

#include "error.h"

namespace mayfly::ane {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

const char* NameOf(EvaluationPath path) {
  switch (path) {
    case EvaluationPath::kStandard: return "standard";
    case EvaluationPath::kDirect: return "direct";
    case EvaluationPath::kRealTime: return "real-time";
  }
  return "?";
}

Settings Settings::FromEnvironment() {
  Settings settings;
  settings.cache = Variable("MAYFLY_ANE_CACHE");
  const std::string path = Variable("MAYFLY_ANE_EVALUATE");
  if (path == NameOf(EvaluationPath::kDirect)) {
    settings.path = EvaluationPath::kDirect;
  } else if (path == NameOf(EvaluationPath::kRealTime)) {
    settings.path = EvaluationPath::kRealTime;
  } else if (!path.empty() && path != NameOf(EvaluationPath::kStandard)) {
    throw Error("ERR_INVALID_ARGUMENT",
                "Expected MAYFLY_ANE_EVALUATE to be standard, direct or real-time, got `" + path + "`");
  }
  const std::string dialect = Variable("MAYFLY_ANE_DIALECT");
  if (dialect == NameOf(Dialect::kIos18)) {
    settings.dialect = Dialect::kIos18;
  } else if (dialect == NameOf(Dialect::kIos16)) {
    settings.dialect = Dialect::kIos16;
  } else if (!dialect.empty()) {
    throw Error("ERR_INVALID_ARGUMENT", "Expected MAYFLY_ANE_DIALECT to be ios18 or ios16, got `" + dialect + "`");
  }
  return settings;
}

}  // namespace mayfly::ane
