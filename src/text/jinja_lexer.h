// Cuts a template into tokens: text between tags, and what stands inside of them. Whitespace
// follows the settings chat templates are written for: trim_blocks and lstrip_blocks on, one
// newline at the end of the template left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text::jinja {

enum class TokenType : uint8_t {
  data,            // text outside of tags
  block_begin,     // {%
  block_end,       // %}
  variable_begin,  // {{
  variable_end,    // }}
  name,
  string,   // with its escapes resolved
  integer,  // digits of base 10, without "_"
  real,
  op,  // text is the operator: "+", "==", "("
  end,
};

struct Lexeme {
  TokenType type = TokenType::end;
  std::string text;
  uint32_t line = 1;
};

inline constexpr size_t kMaxTemplateBytes = size_t{256} << 10;

// The tokens of a template, `end` the last. bad_file names the line; too_large above
// kMaxTemplateBytes.
[[nodiscard]] Result<std::vector<Lexeme>> tokenize(std::string_view source);

// "line 12: " and what is wrong there.
[[nodiscard]] std::string at_line(uint32_t line, std::string_view message);

}  // namespace hearth::text::jinja
