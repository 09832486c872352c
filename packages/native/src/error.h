// The one exception type that C++ code of this addon throws; the addon's edge turns it into a JavaScript error.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace mayfly {

class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message, int line = 0, int column = 0)
      : std::runtime_error(message), code_(std::move(code)), line_(line), column_(column) {}

  // Stable, e.g. "ERR_MIL_SYNTAX": see docs/reference/errors.md.
  const std::string& code() const { return code_; }
  // The position in MIL text, counted from 1; 0 for none.
  int line() const { return line_; }
  int column() const { return column_; }
  // The limit that an ERR_DEVICE_LIMIT has reached, "compilations" or "livePrograms"; empty where the device does not
  // say.
  const std::string& limit() const { return limit_; }

  // An ERR_DEVICE_LIMIT.
  static Error DeviceLimit(std::string limit, const std::string& message) {
    Error error("ERR_DEVICE_LIMIT", message);
    error.limit_ = std::move(limit);
    return error;
  }

 private:
  std::string code_;
  int line_;
  int column_;
  std::string limit_;
};

}  // namespace mayfly
