// Text with spaces written as U+2581, as SentencePiece does it, and the words in it.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "text/merge.h"

namespace hearth::text {

inline constexpr std::string_view kSpaceMark = "\u2581";

inline bool ends_with_mark(std::string_view text) {
  return text.size() >= kSpaceMark.size() &&
         text.substr(text.size() - kSpaceMark.size()) == kSpaceMark;
}

// Appends with every space as a mark.
void append_marked(std::string& out, std::string_view text);
// Appends with every mark as a space.
void append_unmarked(std::string& out, std::string_view text);

// At most `most` bytes from `at`, not ending inside of a character.
[[nodiscard]] size_t cut_word(std::string_view text, size_t at, size_t end,
                              size_t most = kMaxWordBytes);

// Where marked text can be cut into words that are tokenized apart: in front of a mark behind
// something else, unless some token reaches over such a place. Then it is not cut where the bytes
// around the mark are those around the mark in that token.
class WordBounds {
 public:
  // Says that text can become this token.
  void add_token(std::string_view text);

  // Where the word that begins at `at` ends. Never more than `most` bytes on, nor inside of a
  // character.
  [[nodiscard]] size_t word_end(std::string_view text, size_t at,
                                size_t most = kMaxWordBytes) const;

 private:
  static constexpr size_t kEnd = 0xFF;  // behind the mark the text ends: no byte of UTF-8

  [[nodiscard]] static size_t place(unsigned char before, size_t behind) {
    return size_t{before} << 8 | behind;
  }

  std::bitset<1 << 16> joined_;  // byte in front of the mark and byte behind it
};

}  // namespace hearth::text
