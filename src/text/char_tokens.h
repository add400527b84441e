// The tokens of single characters, by code: merging begins with them, so they are asked for all the
// time.
#pragma once

#include <vector>

#include "base/utf8.h"
#include "text/vocab.h"

namespace hearth::text {

class CharTokens {
 public:
  CharTokens() : tokens_(kEnd, kNoToken) {}

  // Of all tokens that are one character below U+10000 and for which wanted(token) is true.
  template <class Wanted>
  CharTokens(const Vocab& vocab, const Wanted& wanted) : CharTokens() {
    for (size_t i = 0; i < vocab.size(); ++i) {
      const auto token = static_cast<Token>(i);
      const std::string_view text = vocab.text(token);
      if (text.empty() || text.size() > 3) continue;
      const Utf8Char c = decode_utf8(text, 0);
      if (c.valid && c.length == text.size() && has(c.code) && wanted(token)) {
        tokens_[c.code] = token;
      }
    }
  }

  // Whether of() knows the character; all others are rare.
  [[nodiscard]] static bool has(char32_t code) { return code < kEnd; }
  // kNoToken when there is none.
  [[nodiscard]] Token of(char32_t code) const { return tokens_[code]; }

 private:
  static constexpr size_t kEnd = 0x10000;

  std::vector<Token> tokens_;
};

}  // namespace hearth::text
