// Upper, lower and title case of Unicode characters, and what else Python's str methods ask of a
// character.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hearth::text {

// The values are known to tools/gen_case.py.
enum CaseFlag : uint8_t {
  kCaseLower = 1,
  kCaseUpper = 2,
  kCaseTitle = 4,
  kDecimalValue = 8,    // a digit of a decimal number system
  kDigitValue = 16,     // also superscripts and circled digits
  kNumericValue = 32,   // also fractions, ideographs that are numbers
  kCased = 64,          // counts as a letter of a word for the final sigma
  kCaseIgnorable = 128  // is looked over when a word is searched for one
};

// A character whose case has another spelling, of up to three characters (0 behind the last).
struct CaseMapping {
  uint32_t from;
  std::array<uint32_t, 3> to;
};

// The generated tables, ascending: start << 8 | flags of every run of characters with the same
// flags; mappings from one character (title: where it differs from upper; fold: from lower).
[[nodiscard]] std::span<const uint32_t> case_runs();
[[nodiscard]] std::span<const CaseMapping> upper_mappings();
[[nodiscard]] std::span<const CaseMapping> lower_mappings();
[[nodiscard]] std::span<const CaseMapping> title_mappings();
[[nodiscard]] std::span<const CaseMapping> fold_mappings();

// The CaseFlag bits of a character.
[[nodiscard]] uint8_t case_flags(char32_t code);

// What Python's str methods of these names give; `text` is valid UTF-8.
[[nodiscard]] std::string upper_case(std::string_view text);
[[nodiscard]] std::string lower_case(std::string_view text);
[[nodiscard]] std::string title_case(std::string_view text);
[[nodiscard]] std::string capitalized(std::string_view text);
[[nodiscard]] std::string swapped_case(std::string_view text);
[[nodiscard]] std::string case_folded(std::string_view text);

}  // namespace hearth::text
