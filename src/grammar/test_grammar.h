// What tests of grammars share.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "grammar/gbnf.h"
#include "grammar/grammar.h"
#include "grammar/stacks.h"

namespace hearth::grammar {

inline Grammar grammar_of(std::string_view gbnf) {
  const Result<Rules> rules = parse_gbnf(gbnf);
  EXPECT_TRUE(rules.has_value()) << (rules ? "" : rules.error().message);
  if (!rules) return {};
  Result<Grammar> grammar = Grammar::compile(*rules);
  EXPECT_TRUE(grammar.has_value()) << (grammar ? "" : grammar.error().message);
  return grammar ? *std::move(grammar) : Grammar{};
}

inline Stacks::State read_all(Stacks& stacks, std::string_view text) {
  Stacks::State state = stacks.start();
  for (const char c : text) state = stacks.step(state, static_cast<uint8_t>(c));
  return state;
}

// Whether a text is one that the grammar allows, whole.
inline bool matches(const Grammar& grammar, std::string_view text) {
  Stacks stacks(grammar);
  return stacks.may_end(read_all(stacks, text));
}

// JSON, with white space where people put it.
inline constexpr std::string_view kJson = R"gbnf(
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9]{1,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
)gbnf";

}  // namespace hearth::grammar
