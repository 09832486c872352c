// Numbers as text, always with a point: C's own functions read and write what the process's locale says, which any
// other library of the process may set.
#pragma once

#include <optional>
#include <string>

namespace mayfly {

// Decimal or hexadecimal, with sign, fraction and exponent as C has them, inf and nan; nothing where that is not the
// whole text. Rounds once, to the nearest double.
std::optional<double> ReadNumber(const std::string& text);

// With at most so many significant digits, as C's %g.
std::string NumberText(double value, int digits);

}  // namespace mayfly
