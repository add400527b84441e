// GBNF, llama.cpp's notation of grammars (its grammars/README.md): rules `name ::= ...` of "text",
// [classes] of characters, `.`, (groups), alternatives `a | b` and repetitions * + ? {2} {2,}
// {2,4}. Texts and classes know \n \r \t \xHH \uHHHH \UHHHHHHHH and any escaped punctuation; #
// begins a comment. The rule `root` is what an answer must be.
#pragma once

#include <string_view>

#include "base/result.h"
#include "grammar/expression.h"

namespace hearth::grammar {

inline constexpr size_t kMaxGbnfBytes = size_t{1} << 20;

// bad_usage: names the line. Tokens as <name> or <[7]>, which some grammars have, are not known.
[[nodiscard]] Result<Rules> parse_gbnf(std::string_view source);

}  // namespace hearth::grammar
