// The expressions that pre-tokenizers split with, one after the other: each cuts a piece of text
// into its matches and what stands between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/word_expression.h"

namespace hearth::text {

// The comments give the expressions; in them, CJK and the like stands for the ranges in
// split_step.cc. Without a comment it is that of word_expression.h, with the parts that
// split_step.cc sets.
enum class SplitStep : uint8_t {
  gpt2,
  llama3,
  jais2,
  qwen2,
  qwen35,
  minicpm5,
  seed_coder,
  ufakzeka,
  exaone_moe,
  gpt4o,
  tekken,
  youtu,
  kimi_k2,
  // [!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*
  // |\s*[\r\n]+|\s+(?!\S)|\s+
  deepseek_v3,
  // The same, but for  ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+ at the end.
  spark,
  bloom,                  //  ?[^(\s|.,!? and others like them]+
  number,                 // \p{N}
  numbers_3,              // \p{N}{1,3}
  numbers,                // \p{N}+
  digits_3,               // [0-9][0-9][0-9]
  thousands,              // \p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))
  thousands_at_boundary,  // \d{1,3}(?=(?:\d{3})*\b)
  before_thousands,       // (?=(\d{3})+(?!\d))
  newline,                // [\r\n]
  lines,                  // [^\n]+|[\n]+
  not_space,              // \S+
  falcon_punctuation,     // [\p{P}\$\+<=>\^~\|`]+
  default_punctuation,    // [\p{P}\$\+<=>\^~\|]+
  spaced_letters,         // \s?\p{L}+
  spaced_punctuation,     // \s?\p{P}+
  spaced_cased,           // \s?[letters with case, as far as DeepSeek lists them]+
  spaced_ascii,           // \s?[!-/:-~ and their wide and curly forms]+
  last_spaces,            // \s+$
  deepseek_cjk,           // [CJK and much else]+
  han_and_kana,           // [CJK]+
  asian_scripts,          // [scripts without spaces]+
  youtu_scripts,          // [Hangul]+|[Chinese punctuation]+|[Bopomofo]+|[CJK]+
  sentinels,              // <sentinel:[0-9]+>
  images,                 // IMGIMG[A-I]{1,4}Z
  pairs_of_spaces,        // [\t\n]|    |(two spaces)
  one_punctuation,        // [\p{P}!-/:-@\[-`{-~]
};

// What a step remembers from one piece to the next of the same text.
struct SplitMemo {
  size_t until = 0;  // how far `count`, or what is known about spaces, goes
  size_t count = 0;  // characters
};

class SplitSteps {
 public:
  // Behind the piece of `text` that begins at `at`, which must be below text.size(). Pieces are
  // asked for in order, from 0 on, with a new memo for each text.
  [[nodiscard]] size_t piece(SplitStep step, std::string_view text, size_t at,
                             SplitMemo& memo) const;

 private:
  template <class ClassOf>
  [[nodiscard]] size_t run(std::string_view text, size_t at, size_t most,
                           const ClassOf& class_of) const;
  template <class Match>
  [[nodiscard]] size_t match_or_gap(std::string_view text, size_t at, const Match& match) const;
  template <class InClass>
  [[nodiscard]] size_t spaced(std::string_view text, size_t at, const InClass& in_class) const;

  [[nodiscard]] size_t word_piece(SplitStep step, std::string_view text, size_t at,
                                  SplitMemo& memo) const;
  [[nodiscard]] size_t run_piece(SplitStep step, std::string_view text, size_t at) const;
  [[nodiscard]] size_t search_piece(SplitStep step, std::string_view text, size_t at) const;
  [[nodiscard]] size_t deepseek(std::string_view text, size_t at, bool spark) const;
  [[nodiscard]] size_t bloom(std::string_view text, size_t at) const;
  [[nodiscard]] size_t thousands(std::string_view text, size_t at, bool boundary,
                                 SplitMemo& memo) const;
  [[nodiscard]] size_t before_thousands(std::string_view text, size_t at, SplitMemo& memo) const;
  [[nodiscard]] size_t last_spaces(std::string_view text, size_t at, SplitMemo& memo) const;

  WordExpression words_;
};

}  // namespace hearth::text
