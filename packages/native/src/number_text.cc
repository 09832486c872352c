#include "number_text.h"

#include <cstdio>

#if defined(__APPLE__)
#include <xlocale.h>
#else
#include <cstdlib>
#endif
#include <locale.h>

namespace mayfly {
namespace {

// Made once and never freed: numbers may be read while the process ends.
locale_t CLocale() {
  static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", nullptr);
  return c_locale;
}

}  // namespace

std::optional<double> ReadNumber(const std::string& text) {
  char* end = nullptr;
  const double value = strtod_l(text.c_str(), &end, CLocale());
  if (text.empty() || end != text.c_str() + text.size()) return {};
  return value;
}

// Streams would do it, too, and put 400 kB of locales into an addon that has the C++ library inside.
std::string NumberText(double value, int digits) {
  const locale_t before = uselocale(CLocale());
  char text[64];
  const int length = std::snprintf(text, sizeof text, "%.*g", digits, value);
  uselocale(before);
  return std::string(text, static_cast<size_t>(length));
}

}  // namespace mayfly
