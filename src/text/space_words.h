// Text with spaces written as U+2581, as SentencePiece does it, and the words in it.
#pragma once

#include <string>
#include <string_view>

#include "base/utf8.h"
#include "text/merge.h"

namespace hearth::text {

inline constexpr std::string_view kSpaceMark = "\u2581";

inline bool starts_with_mark(std::string_view text) {
  return text.substr(0, kSpaceMark.size()) == kSpaceMark;
}
inline bool ends_with_mark(std::string_view text) {
  return text.size() >= kSpaceMark.size() &&
         text.substr(text.size() - kSpaceMark.size()) == kSpaceMark;
}

// Whether a mark stands anywhere behind another character.
[[nodiscard]] bool has_inner_mark(std::string_view text);

// Appends with every space as a mark.
void append_marked(std::string& out, std::string_view text);
// Appends with every mark as a space.
void append_unmarked(std::string& out, std::string_view text);

// Where the word that begins at `at` ends: in front of the first mark behind something else. Never
// more than kMaxWordBytes on, nor inside of a character.
[[nodiscard]] size_t marked_word_end(std::string_view text, size_t at);

// At most `most` bytes from `at`, not ending inside of a character.
[[nodiscard]] size_t cut_word(std::string_view text, size_t at, size_t end,
                              size_t most = kMaxWordBytes);

}  // namespace hearth::text
