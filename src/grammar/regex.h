// Regular expressions (ECMA-262's, without what is not regular) as grammars: . [a-z] \d \w \s \n
// \xHH \uHHHH (groups) (?:groups) a|b * + ? {2,4}, ^ and $ at the ends.
#pragma once

#include <string_view>

#include "base/result.h"
#include "grammar/expression.h"

namespace hearth::grammar {

inline constexpr size_t kMaxRegexBytes = 16384;

// What the whole text must be: without ^ and $ anything may stand in front and behind, as a search
// would find it. bad_usage: names the place, and what is not supported (references, look-around,
// word borders).
[[nodiscard]] Result<Expression> parse_regex(std::string_view pattern);

}  // namespace hearth::grammar
