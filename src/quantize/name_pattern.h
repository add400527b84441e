// Patterns for names of tensors, written as regular expressions, in the part of that language that
// names need. Matching takes time in proportion to pattern times name, whatever the pattern.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::quantize {

class NamePattern {
 public:
  // Letters stand for themselves (upper case for lower case: names have no other), `.` for any
  // character, [a-z0-9] and [^...] for some, \d and \w for digits and words; `*`, `+` and `?`
  // repeat; (a|b) chooses; ^ and $ are the ends of the name. Errors name what is wrong and where.
  [[nodiscard]] static Result<NamePattern> parse(std::string_view text);

  // Whether a part of the name fits.
  [[nodiscard]] bool found_in(std::string_view name) const;

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  friend class PatternParser;
  using Characters = std::bitset<256>;
  enum class Step : uint8_t { take, go, fork, at_begin, at_end, found };
  struct State {
    Step step = Step::go;
    size_t next = 0;
    size_t other = 0;       // of a fork
    Characters characters;  // that are taken
  };
  // States that can be stood in at one place of a name.
  struct Standing {
    std::vector<bool> in;
    std::vector<size_t> states;
  };
  void enter(Standing& standing, size_t state, bool at_begin, bool at_end) const;

  std::string text_;
  std::vector<State> states_;
  size_t start_ = 0;
};

}  // namespace hearth::quantize
