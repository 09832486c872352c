#include "number_text.h"

#include <locale>
#include <sstream>

#if defined(__APPLE__)
#include <xlocale.h>
#else
#include <cstdlib>
#endif
#include <locale.h>

namespace mayfly {

std::optional<double> ReadNumber(const std::string& text) {
  // Made once and never freed: numbers may be read while the process ends.
  static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", nullptr);
  char* end = nullptr;
  const double value = strtod_l(text.c_str(), &end, c_locale);
  if (text.empty() || end != text.c_str() + text.size()) return {};
  return value;
}

std::string NumberText(double value, int digits) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text.precision(digits);
  text << value;
  return text.str();
}

}  // namespace mayfly
