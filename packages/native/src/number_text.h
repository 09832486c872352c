// Numbers as text, always with a decimal point. C's own functions use the process's locale, which any library of the
// process may change.
#pragma once

#include <optional>
#include <string>

namespace mayfly {

// Reads a decimal or hexadecimal number with C's sign, fraction and exponent, or inf or nan. Rounds once, to the
// nearest double. Nothing unless the whole text is a number.
std::optional<double> ReadNumber(const std::string& text);

// With at most `digits` significant digits, as C's %g.
std::string NumberText(double value, int digits);

}  // namespace mayfly
