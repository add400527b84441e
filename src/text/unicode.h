// Classes of Unicode characters, as the expressions of the pre-tokenizers name them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace hearth::text {

// Bits of a character's class; a character that has none of them is unassigned, a control or a
// format character. The values are known to tools/gen_unicode.py.
enum CharClass : uint8_t {
  kLetter = 1,        // \p{L}
  kNumber = 2,        // \p{N}
  kWhitespace = 4,    // \s, the property White_Space
  kMark = 8,          // \p{M}
  kPunctuation = 16,  // \p{P}
  kSymbol = 32,       // \p{S}
};

// The generated table: start << 8 | class of every run of characters with one class, ascending.
[[nodiscard]] std::span<const uint32_t> unicode_runs();

// Class of any character in two loads. Built from the runs once in a process (45 KiB).
class CharTable {
 public:
  [[nodiscard]] static const CharTable& get();

  // The CharClass bits of `code`; 0 above U+10FFFF.
  [[nodiscard]] uint8_t operator[](char32_t code) const {
    if (code > kLast) return 0;
    return blocks_[block_of_[code >> kShift]][code & (kBlock - 1)];
  }

 private:
  static constexpr char32_t kLast = 0x10FFFF;
  static constexpr uint32_t kShift = 8;
  static constexpr uint32_t kBlock = 1u << kShift;

  CharTable();

  std::array<uint16_t, (kLast + 1) / kBlock> block_of_{};
  std::vector<std::array<uint8_t, kBlock>> blocks_;
};

}  // namespace hearth::text
