// UTF-8 as bytes from strangers: strict decoding (RFC 3629: no overlong forms, no surrogates,
// nothing above U+10FFFF) that never reads past the end and always moves forward.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth {

struct Utf8Char {
  char32_t code = 0xFFFD;  // U+FFFD when invalid
  size_t length = 1;       // bytes to move on by, at least 1
  bool valid = false;
};

// Decodes the character that starts at text[at]; `at` must be below text.size().
[[nodiscard]] Utf8Char decode_utf8(std::string_view text, size_t at);

void append_utf8(std::string& out, char32_t code);

// How many bytes the character beginning with `lead` has; 1 for bytes that cannot begin one.
[[nodiscard]] size_t utf8_length(unsigned char lead);

[[nodiscard]] bool is_valid_utf8(std::string_view text);

// Length of the longest prefix of `text` that does not end inside a character. Bytes that can
// never become a character count as complete, so that nothing is held back for ever.
[[nodiscard]] size_t complete_utf8_prefix(std::string_view text);

}  // namespace hearth
