#include "text/space_words.h"

namespace hearth::text {

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

size_t cut_word(std::string_view text, size_t at, size_t end, size_t most) {
  if (end - at <= most) return end;
  const size_t whole = complete_utf8_prefix(text.substr(at, most));
  return at + whole;
}

void WordBounds::add_token(std::string_view text) {
  size_t at = text.find(kSpaceMark, 1);
  for (; at != text.npos; at = text.find(kSpaceMark, at + kSpaceMark.size())) {
    if (ends_with_mark(text.substr(0, at))) continue;
    const auto before = static_cast<unsigned char>(text[at - 1]);
    const size_t behind = at + kSpaceMark.size();
    if (behind < text.size()) {
      joined_.set(place(before, static_cast<unsigned char>(text[behind])));
    } else {
      for (size_t any = 0; any <= kEnd; ++any) joined_.set(place(before, any));
    }
  }
}

size_t WordBounds::word_end(std::string_view text, size_t at, size_t most) const {
  // Nothing further on is looked at, or a long run would be read again for each of its words.
  const size_t last = text.size() - at > most ? at + most + 1 : text.size();
  size_t end = at;
  while (end < last && text.compare(end, kSpaceMark.size(), kSpaceMark) == 0)
    end += kSpaceMark.size();
  // The first byte of a mark is rare in most text, and a search costs more than a word is long.
  for (; end < last; ++end) {
    if (text[end] != kSpaceMark[0] || text.compare(end, kSpaceMark.size(), kSpaceMark) != 0)
      continue;
    if (end == at) continue;
    const size_t behind = end + kSpaceMark.size();
    const size_t next = behind < text.size() ? static_cast<unsigned char>(text[behind]) : kEnd;
    const bool inside = ends_with_mark(text.substr(at, end - at));
    if (!inside && !joined_[place(static_cast<unsigned char>(text[end - 1]), next)]) break;
  }
  return cut_word(text, at, end, most);
}

}  // namespace hearth::text
