// Parts of JSON texts as expressions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "grammar/expression.h"

namespace hearth::grammar {

// White space between tokens: none, a space, or a line end with some indentation. Bounded, because
// models like to go on with it for ever.
[[nodiscard]] Expression json_space();

// What stands between the quotes of a string: characters that one expression allows, as JSON spells
// them. Quotes, backslashes and control characters are escaped, all others stand for themselves.
[[nodiscard]] Expression json_escaped(const Expression& text);

// Any character between the quotes, and the escapes of all but halves of surrogate pairs.
[[nodiscard]] Expression json_any_char();

// A quoted key that is none of `keys`; without escapes, which could spell one of them.
[[nodiscard]] Expression json_other_key(const std::vector<std::string>& keys);

// Whole numbers from `least` to `most`, each maybe unbounded: of at most 18 digits.
[[nodiscard]] Expression json_integer(std::optional<int64_t> least, std::optional<int64_t> most);
[[nodiscard]] Expression json_number(bool may_be_negative);

}  // namespace hearth::grammar
