// What the two kinds of tokenizer have in common; Tokenizer chooses one when it is made.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/vocab.h"

namespace hearth::text {

class Encoder {
 public:
  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  virtual ~Encoder() = default;

  // Appends the tokens of plain text, any bytes. `at_start`: nothing, or a special token, is in
  // front of it.
  virtual void encode(const Vocab& vocab, std::string_view text, bool at_start,
                      std::vector<Token>& out) const = 0;

  // Appends the bytes that a token of the kind normal or unused stands for.
  virtual void append_normal(const Vocab& vocab, Token token, std::string& out) const = 0;
};

}  // namespace hearth::text
