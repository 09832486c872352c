#include "ane/program_tag.h"

#include <unistd.h>

#include <atomic>
#include <chrono>

#include "ane/content_hash.h"
#include "error.h"
#include "mil/lexer.h"

namespace mayfly::ane {
namespace {

// The position behind `({` of `buildInfo = dict<…>({…})`; null if there is none.
const char* EntriesOf(std::string_view text, bool* is_empty) {
  try {
    mil::Lexer lexer(text);
    bool inside = false;
    bool opened = false;
    for (mil::Token token = lexer.Next(); token.kind != mil::TokenKind::kEnd; token = lexer.Next()) {
      if (token.kind == mil::TokenKind::kIdentifier && token.text == "func") return nullptr;
      if (token.kind == mil::TokenKind::kIdentifier && token.text == "buildInfo") inside = true;
      if (opened && token.text == "{" && token.kind == mil::TokenKind::kPunctuation) {
        *is_empty = lexer.Next().text == "}";
        return token.text.data() + token.text.size();
      }
      opened = inside && token.kind == mil::TokenKind::kPunctuation && token.text == "(";
    }
  } catch (const Error&) {
    // A text that only the engine's compiler can read.
  }
  return nullptr;
}

// The text as it is if it has no buildInfo.
std::string WithEntry(std::string_view text, const char* key, const std::string& value) {
  std::string tagged(text);
  bool is_empty = false;
  const char* entries = EntriesOf(text, &is_empty);
  if (entries == nullptr) return tagged;
  const std::string entry = std::string("{\"") + key + "\", \"" + value + "\"}" + (is_empty ? "" : ", ");
  return tagged.insert(static_cast<size_t>(entries - text.data()), entry);
}

}  // namespace

std::string WithWeightsTag(std::string_view text, const std::vector<mil::WeightFile>& weights) {
  return weights.empty() ? std::string(text) : WithEntry(text, "programTag", WeightsName(weights));
}

std::string WithUniqueTag(std::string_view text) {
  static std::atomic<int> count{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return WithEntry(text, "processTag",
                   std::to_string(getpid()) + "-" + std::to_string(now.count()) + "-" + std::to_string(++count));
}

}  // namespace mayfly::ane
