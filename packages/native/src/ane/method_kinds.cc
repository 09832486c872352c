#include "ane/method_kinds.h"

#include <algorithm>
#include <cstring>

namespace mayfly::ane {
namespace {

// The receiver and the selector.
constexpr size_t kImplicit = 2;

bool IsIgnored(char c) { return std::strchr("rnNoORVA0123456789+-", c) != nullptr; }

char KindOf(char c) {
  if (std::strchr("cCB", c) != nullptr) return 'b';
  // On 64-bit systems `l` stands for 32 bits, whatever long is.
  if (std::strchr("iIlL", c) != nullptr) return 'i';
  if (std::strchr("qQ", c) != nullptr) return 'q';
  if (std::strchr("@#", c) != nullptr) return '@';
  if (std::strchr("*^", c) != nullptr) return 'p';
  return std::strchr("v:fd", c) != nullptr ? c : '?';
}

// After the type at `at`: past what a pointer points to, a bracketed type, a class name or the mark of a block.
size_t SkipType(const std::string& text, size_t at) {
  while (at < text.size() && (text[at] == '^' || IsIgnored(text[at]))) ++at;
  if (at == text.size()) return at;
  const char first = text[at++];
  if (first == '@') {
    if (at < text.size() && text[at] == '?') return at + 1;
    if (at < text.size() && text[at] == '"') return std::min(text.find('"', at + 1), text.size() - 1) + 1;
    return at;
  }
  if (std::strchr("{[(", first) == nullptr) return at;
  for (int depth = 1; at < text.size() && depth > 0; ++at) {
    if (std::strchr("{[(", text[at]) != nullptr) ++depth;
    if (std::strchr("}])", text[at]) != nullptr) --depth;
  }
  return at;
}

}  // namespace

std::string KindsOf(const std::string& encoding) {
  std::string kinds;
  for (size_t at = 0; at < encoding.size();) {
    if (IsIgnored(encoding[at])) {
      ++at;
      continue;
    }
    kinds += KindOf(encoding[at]);
    at = SkipType(encoding, at);
  }
  return kinds.size() <= kImplicit ? kinds : kinds.substr(0, 1) + kinds.substr(1 + kImplicit);
}

}  // namespace mayfly::ane
