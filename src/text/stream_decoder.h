// Turns tokens into text while they are being generated.
#pragma once

#include <string>

#include "text/tokenizer.h"

namespace hearth::text {

// Whether the first token continues a text, or begins one: then the space that encode() would have
// put in front of it is taken off, as Tokenizer::decode does.
enum class StreamStart { continues_text, begins_text };

// Hands out whole characters only, however the tokens cut them. Bytes that can never become a
// character are replaced by U+FFFD, one for each, so what comes out is always valid UTF-8. The
// tokenizer must outlive the decoder.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, SpecialTokens special = SpecialTokens::hide,
                         StreamStart start = StreamStart::continues_text)
      : tokenizer_(&tokenizer), special_(special), strip_(start == StreamStart::begins_text) {}

  // The text that is complete with this token; often "" in the middle of a character.
  [[nodiscard]] std::string push(Token token) { return push(token, special_); }
  [[nodiscard]] std::string push(Token token, SpecialTokens special);

  // What is left when generation ends, each byte of an unfinished character as U+FFFD. The decoder
  // is then as empty as a new one that continues a text.
  [[nodiscard]] std::string finish();

 private:
  const Tokenizer* tokenizer_;
  SpecialTokens special_;
  bool strip_;
  std::string pending_;  // at most three bytes between calls
};

}  // namespace hearth::text
