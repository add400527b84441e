// The expression that most byte-level tokenizers split words with, from cl100k on: each family sets
// a few of its parts differently, and WordParts says which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/unicode.h"

namespace hearth::text {

// Where 's 't 're 've 'm 'll 'd (in any case) are words: nowhere, at the beginning of a word as one
// of their own, or as the end of the letters in front.
enum class Contractions : uint8_t { none, first, behind };

// What the letters of one word are.
enum class Letters : uint8_t {
  run,            // [^\r\n\p{L}\p{N}]?\p{L}+
  marked,         // [^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+, and marks are no symbols either
  cased,          // [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+
                  // |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*
  cased_but_han,  // \p{Han}+ first, then as `cased` with \p{Han} taken out of every class
  spaced,         // [^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+
};

// What a run of symbols takes along: ` ?[^\s\p{L}\p{N}]+` and then ...
enum class Tail : uint8_t {
  none,
  newlines,              // [\r\n]*
  newlines_and_slashes,  // [\r\n/]*
  one,                   // [\r\n/]?
};

struct WordParts {
  Contractions contractions = Contractions::first;
  Letters letters = Letters::run;
  size_t most_digits = 1;  // \p{N}{1,most_digits}
  Tail tail = Tail::newlines;
  bool halving = false;  // runs of spaces are cut at powers of two: \s{512}(?!\S)|...|\s{1}
};

inline constexpr size_t kAnyNumber = SIZE_MAX;

// Finds where words end. Every function takes the text up to where the expression can see, and a
// position in it; takes time linear in what it returns, but for a constant number of looks ahead.
class WordExpression {
 public:
  WordExpression() : table_(CharTable::get()) {}

  [[nodiscard]] ClassedChar read(std::string_view text, size_t at) const {
    return at < text.size() ? read_char(table_, text, at) : ClassedChar{at, 0, 0};
  }

  // Behind all characters from `at` on that have a bit of the mask.
  [[nodiscard]] size_t skip(std::string_view text, size_t at, uint16_t mask) const {
    while (at < text.size()) {
      const ClassedChar c = read_char(table_, text, at);
      if ((c.kind & mask) == 0) break;
      at = c.end;
    }
    return at;
  }
  // Behind all characters from `at` on that have no bit of the mask.
  [[nodiscard]] size_t skip_other(std::string_view text, size_t at, uint16_t mask) const {
    while (at < text.size()) {
      const ClassedChar c = read_char(table_, text, at);
      if ((c.kind & mask) != 0) break;
      at = c.end;
    }
    return at;
  }

  // Behind 's 't 're 've 'm 'll or 'd at `at`, or `at` when there is none. In any case, U+017F is
  // an s too, as case folding has it.
  [[nodiscard]] static size_t contraction(std::string_view text, size_t at, bool any_case);

  // \s+(?!\S)|\s+ : a run of spaces before a word leaves its last one to the word. `at` when there
  // is no space; with `newlines`, \s*[\r\n]+ goes first.
  [[nodiscard]] size_t spaces(std::string_view text, size_t at, bool newlines) const;

  // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  [[nodiscard]] size_t gpt2(std::string_view text, size_t at) const;

  // The whole expression with these parts. It matches at every position. `no_newline` remembers for
  // the next call how far spaces are known to hold no newline; 0 at the beginning of a text.
  template <WordParts kParts>
  [[nodiscard]] size_t word(std::string_view text, size_t at, size_t& no_newline) const {
    if constexpr (kParts.contractions == Contractions::first) {
      const size_t end = contraction(text, at, true);
      if (end != at) return end;
    }
    const ClassedChar first = read_char(table_, text, at);
    constexpr bool kRun = kParts.letters == Letters::run || kParts.letters == Letters::marked;
    constexpr uint16_t kLetters =
        kParts.letters == Letters::marked ? kLetter | kMark : uint16_t{kLetter};
    if constexpr (kRun) {
      if ((first.kind & kLetters) != 0) return skip(text, first.end, kLetters);
    } else {
      const size_t end = other_letters<kParts>(text, at, first);
      if (end != at) return end;
    }
    if ((first.kind & kNumber) != 0) return digits(text, first.end, kParts.most_digits);
    const ClassedChar second = read(text, first.end);
    if constexpr (kRun) {
      const bool newline = (first.kind & kNewline) != 0;
      if (!newline && (second.kind & kLetters) != 0) return skip(text, second.end, kLetters);
    }
    constexpr auto kNoSymbol = static_cast<uint16_t>(kWhitespace | kNumber | kLetters);
    const bool behind_space = first.code == ' ' && first.end < text.size();
    if (((behind_space ? second : first).kind & kNoSymbol) == 0) {
      return tail(text, skip_other(text, first.end, kNoSymbol), kParts.tail);
    }
    if constexpr (kParts.halving) {
      return halving_spaces(text, at, no_newline);
    } else {
      return spaces(text, at, true);
    }
  }

 private:
  template <WordParts kParts>
  [[nodiscard]] size_t other_letters(std::string_view text, size_t at,
                                     const ClassedChar& first) const {
    if constexpr (kParts.letters == Letters::spaced) {
      return spaced_letters(text, at, first);
    } else {
      constexpr bool kButHan = kParts.letters == Letters::cased_but_han;
      if (kButHan && (first.kind & kHan) != 0) return skip(text, first.end, kHan);
      const size_t end = cased_letters(text, at, first, kButHan);
      const bool longer = kParts.contractions == Contractions::behind && end != at;
      return longer ? contraction(text, end, true) : end;
    }
  }

  [[nodiscard]] size_t digits(std::string_view text, size_t end, size_t most) const {
    for (size_t count = 1; count < most; ++count) {
      const ClassedChar c = read(text, end);
      if ((c.kind & kNumber) == 0) break;
      end = c.end;
    }
    return end;
  }
  [[nodiscard]] static size_t tail(std::string_view text, size_t at, Tail tail);
  [[nodiscard]] size_t halving_spaces(std::string_view text, size_t at, size_t& no_newline) const;
  [[nodiscard]] size_t spaced_letters(std::string_view text, size_t at,
                                      const ClassedChar& first) const;
  [[nodiscard]] size_t cased_letters(std::string_view text, size_t at, const ClassedChar& first,
                                     bool but_han) const;

  const CharTable& table_;
};

}  // namespace hearth::text
