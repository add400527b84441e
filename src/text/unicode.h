// Classes of Unicode characters, as the expressions of the pre-tokenizers name them, and what
// BERT's tokenizers turn characters into.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace hearth::text {

// Bits of a character's class; an unassigned character has none. The values are known to
// tools/gen_unicode.py.
enum CharClass : uint16_t {
  kLetter = 1,         // \p{L}
  kNumber = 2,         // \p{N}
  kWhitespace = 4,     // \s, the property White_Space
  kMark = 8,           // \p{M}
  kPunctuation = 16,   // \p{P}
  kSymbol = 32,        // \p{S}
  kUpper = 64,         // \p{Lu} and \p{Lt}
  kLower = 128,        // \p{Ll}
  kAccent = 256,       // \p{Mn}
  kControlChar = 512,  // \p{Cc}, \p{Cf}, \p{Co}, \p{Cs}
  kDigit = 1024,       // \p{Nd}
  kConnector = 2048,   // \p{Pc}
  kHan = 4096,         // \p{Han}
  kFolds = 8192,       // lowercase() or without_accents() may change it
  kNewline = 16384,    // \r and \n
};

// A character and what is left of its canonical decomposition without nonspacing marks: up to three
// characters, 0 where there is none.
struct WithoutAccents {
  uint32_t code;
  uint32_t bases[3];
};
struct Lowercase {
  uint32_t code;
  uint32_t lower;
};

// The generated tables, ascending: start << 16 | class of every run of characters with one class,
// and the characters that change.
[[nodiscard]] std::span<const uint64_t> unicode_runs();
[[nodiscard]] std::span<const WithoutAccents> unicode_without_accents();
[[nodiscard]] std::span<const Lowercase> unicode_lowercase();

// The simple lowercase of a character; itself when it has none.
[[nodiscard]] char32_t lowercase(char32_t code);

// What is left of a character without accents, 0 behind the last.
[[nodiscard]] std::array<char32_t, 3> without_accents(char32_t code);

// Class of any character in two loads. Built from the runs once in a process (100 KiB).
class CharTable {
 public:
  [[nodiscard]] static const CharTable& get();

  // The CharClass bits of `code`; 0 above U+10FFFF.
  [[nodiscard]] uint16_t operator[](char32_t code) const {
    if (code > kLast) return 0;
    return blocks_[block_of_[code >> kShift]][code & (kBlock - 1)];
  }

 private:
  static constexpr char32_t kLast = 0x10FFFF;
  static constexpr uint32_t kShift = 8;
  static constexpr uint32_t kBlock = 1u << kShift;

  CharTable();

  std::array<uint16_t, (kLast + 1) / kBlock> block_of_{};
  std::vector<std::array<uint16_t, kBlock>> blocks_;
};

inline constexpr std::array<uint16_t, 128> kAsciiClasses = [] {
  std::array<uint16_t, 128> classes{};
  for (size_t i = 0; i < classes.size(); ++i) {
    const char c = static_cast<char>(i);
    const bool upper = c >= 'A' && c <= 'Z';
    const bool lower = c >= 'a' && c <= 'z';
    const bool number = c >= '0' && c <= '9';
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    const bool newline = c == '\n' || c == '\r';
    const bool symbol = std::string_view("$+<=>^`|~").find(c) != std::string_view::npos;
    const bool graphic = c > ' ' && c < 0x7F;
    const bool other = graphic && !upper && !lower && !number;
    unsigned bits = 0;
    if (upper || lower) bits |= kLetter;
    if (upper) bits |= kUpper | kFolds;
    if (lower) bits |= kLower;
    if (number) bits |= kNumber | kDigit;
    if (space) bits |= kWhitespace;
    if (newline) bits |= kNewline;
    if (symbol) bits |= kSymbol;
    if (other && !symbol) bits |= kPunctuation;
    if (c == '_') bits |= kConnector;
    if (!graphic && c != ' ') bits |= kControlChar;
    classes[i] = static_cast<uint16_t>(bits);
  }
  return classes;
}();

// One character of a text: where it ends, and what it is. Each byte of invalid UTF-8 counts as a
// character of no class, with the code U+FFFD.
struct ClassedChar {
  size_t end = 0;
  char32_t code = 0;
  uint16_t kind = 0;
};

// The character that begins at `at`, which must be below text.size().
[[nodiscard]] inline ClassedChar read_char(const CharTable& table, std::string_view text,
                                           size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return {at + 1, byte, kAsciiClasses[byte]};
  // Characters of two and three bytes are nearly all the others, and worth doing without a call.
  const auto behind = [&](size_t i) -> char32_t {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) ^ 0x80u : 0xFFu;
  };
  const char32_t second = behind(1);
  if (byte >= 0xC2 && byte < 0xE0 && second < 0x40) {
    const char32_t code = (byte & 0x1Fu) << 6 | second;
    return {at + 2, code, table[code]};
  }
  const char32_t third = behind(2);
  if (byte >= 0xE1 && byte < 0xED && second < 0x40 && third < 0x40) {
    const char32_t code = (byte & 0x0Fu) << 12 | second << 6 | third;
    return {at + 3, code, table[code]};
  }
  const Utf8Char c = decode_utf8(text, at);
  return {at + c.length, c.code, c.valid ? table[c.code] : uint16_t{0}};
}

}  // namespace hearth::text
