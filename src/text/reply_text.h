// What the readers of replies share: marks in text that is still coming.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hearth::text {

constexpr std::string_view kReplyBlanks = " \t\r\n";

// Whether `text` begins with `mark`, cannot, or may when more comes.
enum class MarkAt { no, maybe, yes };
[[nodiscard]] inline MarkAt mark_at(std::string_view text, std::string_view mark) {
  const std::string_view front = text.substr(0, mark.size());
  if (mark.empty() || mark.substr(0, front.size()) != front) return MarkAt::no;
  return front.size() == mark.size() ? MarkAt::yes : MarkAt::maybe;
}

struct FoundMark {
  static constexpr size_t kNone = SIZE_MAX;
  size_t at = 0;         // bytes in front of the mark, or that cannot belong to one
  size_t which = kNone;  // of the marks
};

// The first of some marks in `text`. Without one, `at` is where a mark may begin that is not
// complete yet; with `end`, nothing more comes, so there is none.
[[nodiscard]] inline FoundMark find_mark(std::string_view text,
                                         std::span<const std::string_view> marks, bool end) {
  std::string firsts;
  for (const std::string_view mark : marks)
    if (!mark.empty() && firsts.find(mark[0]) == firsts.npos) firsts += mark[0];
  for (size_t at = text.find_first_of(firsts); at < text.size();
       at = text.find_first_of(firsts, at + 1)) {
    bool maybe = false;
    for (size_t i = 0; i < marks.size(); ++i) {
      const MarkAt match = mark_at(text.substr(at), marks[i]);
      if (match == MarkAt::yes) return {at, i};
      maybe = maybe || (match == MarkAt::maybe && !end);
    }
    if (maybe) return {at, FoundMark::kNone};
  }
  return {text.size(), FoundMark::kNone};
}

// The same for a mark that has at most `most` bytes in front of it; where it has more, `at` is
// above `most`. Looks no further, so that many searches in a long text take linear time.
[[nodiscard]] inline FoundMark find_near(std::string_view text,
                                         std::span<const std::string_view> marks, size_t most,
                                         bool end) {
  constexpr size_t kLongestMark = 64;
  const std::string_view near = text.substr(0, most + kLongestMark);
  return find_mark(near, marks, end && near.size() == text.size());
}

// The bytes of blanks at the front.
[[nodiscard]] inline size_t count_blanks(std::string_view text) {
  return std::min(text.find_first_not_of(kReplyBlanks), text.size());
}

// Blanks between the parts of a call that are looked at again whenever more comes: so many of them
// are no gap, but the end of what is understood.
constexpr size_t kMaxReplyGap = 1024;
[[nodiscard]] inline size_t count_gap(std::string_view text) {
  return count_blanks(text.substr(0, kMaxReplyGap));
}

}  // namespace hearth::text
