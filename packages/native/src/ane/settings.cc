#include "ane/settings.h"

#include <cstdlib>
#include <string>

#include "error.h"

namespace mayfly::ane {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool Switch(const char* name) {
  const std::string value = Variable(name);
  if (value == "on") return true;
  if (value.empty() || value == "off") return false;
  throw Error("ERR_INVALID_ARGUMENT", std::string("Expected ") + name + " to be on or off, got `" + value + "`");
}

unsigned QualityOfService() {
  constexpr unsigned kMost = 63;
  const std::string value = Variable("MAYFLY_ANE_QOS");
  if (value.empty()) return kQualityOfService;
  const bool digits = value.size() <= 2 && value.find_first_not_of("0123456789") == std::string::npos;
  const unsigned number = digits ? static_cast<unsigned>(std::stoul(value)) : kMost + 1;
  if (number <= kMost) return number;
  throw Error("ERR_INVALID_ARGUMENT", "Expected MAYFLY_ANE_QOS to be a whole number from 0 to 63, got `" + value + "`");
}

}  // namespace

const char* NameOf(Api api) {
  switch (api) {
    case Api::kInMemory: return "in-memory";
    case Api::kClient: return "client";
  }
  return "?";
}

const char* NameOf(EvaluationPath path) {
  switch (path) {
    case EvaluationPath::kStandard: return "standard";
    case EvaluationPath::kDirect: return "direct";
  }
  return "?";
}

Settings Settings::FromEnvironment() {
  Settings settings;
  settings.reload = Switch("MAYFLY_ANE_RELOAD");
  if (!Variable("MAYFLY_ANE_PREFETCH").empty()) settings.prefetches = Switch("MAYFLY_ANE_PREFETCH");
  settings.quality_of_service = QualityOfService();
  const std::string surfaces = Variable("MAYFLY_ANE_SURFACES");
  if (surfaces == "own" || surfaces == "shared") {
    settings.shares_surfaces = surfaces == "shared";
  } else if (!surfaces.empty()) {
    throw Error("ERR_INVALID_ARGUMENT", "Expected MAYFLY_ANE_SURFACES to be shared or own, got `" + surfaces + "`");
  }
  const std::string api = Variable("MAYFLY_ANE_API");
  if (api == NameOf(Api::kClient)) {
    settings.api = Api::kClient;
  } else if (!api.empty() && api != NameOf(Api::kInMemory)) {
    throw Error("ERR_INVALID_ARGUMENT", "Expected MAYFLY_ANE_API to be in-memory or client, got `" + api + "`");
  }
  const std::string path = Variable("MAYFLY_ANE_EVALUATE");
  if (path == NameOf(EvaluationPath::kDirect)) {
    settings.path = EvaluationPath::kDirect;
  } else if (!path.empty() && path != NameOf(EvaluationPath::kStandard)) {
    throw Error("ERR_INVALID_ARGUMENT", "Expected MAYFLY_ANE_EVALUATE to be standard or direct, got `" + path + "`");
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
