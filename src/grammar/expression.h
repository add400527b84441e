// What an answer may look like, as every notation of grammars is read: GBNF, regular expressions
// and JSON schemas become these expressions, and compile() makes one kind of automaton of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth::grammar {

// Characters from `first` to `last`, both included.
struct CharRange {
  char32_t first = 0;
  char32_t last = 0;
};

inline constexpr uint32_t kUnbounded = UINT32_MAX;

struct Expression {
  enum class Kind {
    text,      // these bytes
    chars,     // one character of `ranges`
    sequence,  // all parts, in order; none: nothing
    choice,    // one of the parts; none: never matches
    repeat,    // the one part, `least` to `most` times
    rule,      // what rule number `rule` says
  };
  Kind kind = Kind::sequence;
  std::string text{};
  std::vector<CharRange> ranges{};  // ascending, apart from each other
  std::vector<Expression> parts{};
  uint32_t least = 0;
  uint32_t most = kUnbounded;
  uint32_t rule = 0;
};

struct Rule {
  std::string name;
  Expression expression;
};

struct Rules {
  std::vector<Rule> rules;
  uint32_t root = 0;
};

[[nodiscard]] Expression text_of(std::string bytes);
// Ranges in any order, maybe overlapping.
[[nodiscard]] Expression chars_of(std::vector<CharRange> ranges);
// Every character but these.
[[nodiscard]] Expression chars_but(std::vector<CharRange> ranges);
[[nodiscard]] Expression sequence_of(std::vector<Expression> parts);
[[nodiscard]] Expression choice_of(std::vector<Expression> parts);
[[nodiscard]] Expression repeated(Expression part, uint32_t least, uint32_t most);
[[nodiscard]] Expression rule_at(uint32_t rule);

}  // namespace hearth::grammar
