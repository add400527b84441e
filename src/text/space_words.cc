#include "text/space_words.h"

namespace hearth::text {

bool has_inner_mark(std::string_view text) {
  for (size_t at = text.find(kSpaceMark); at != text.npos;
       at = text.find(kSpaceMark, at + kSpaceMark.size())) {
    if (at != 0 && !ends_with_mark(text.substr(0, at))) return true;
  }
  return false;
}

void append_marked(std::string& out, std::string_view text) {
  while (true) {
    const size_t at = text.find(' ');
    out.append(text.substr(0, at));
    if (at == text.npos) return;
    out.append(kSpaceMark);
    text.remove_prefix(at + 1);
  }
}

void append_unmarked(std::string& out, std::string_view text) {
  while (true) {
    const size_t at = text.find(kSpaceMark);
    out.append(text.substr(0, at));
    if (at == text.npos) return;
    out.push_back(' ');
    text.remove_prefix(at + kSpaceMark.size());
  }
}

size_t marked_word_end(std::string_view text, size_t at) {
  size_t end = at;
  while (text.compare(end, kSpaceMark.size(), kSpaceMark) == 0) end += kSpaceMark.size();
  // The lead byte of a mark is rare in text without CJK, and a call for each word costs more than it.
  while (end < text.size() && (text[end] != kSpaceMark[0] ||
                               text.compare(end, kSpaceMark.size(), kSpaceMark) != 0)) {
    ++end;
  }
  return cut_word(text, at, end);
}

size_t cut_word(std::string_view text, size_t at, size_t end, size_t most) {
  if (end - at <= most) return end;
  const size_t whole = complete_utf8_prefix(text.substr(at, most));
  return at + whole;
}

}  // namespace hearth::text
