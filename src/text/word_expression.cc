#include "text/word_expression.h"

namespace hearth::text {

namespace {

// The letters of one word in two halves: [upper]*[lower]+ or [upper]+[lower]*, where letters
// without case and marks belong to both.
bool can_be_upper(uint16_t kind, bool but_han) {
  if (but_han && (kind & kHan) != 0) return false;
  return (kind & (kLetter | kMark)) != 0 && (kind & kLower) == 0;
}
bool can_be_lower(uint16_t kind, bool but_han) {
  if (but_han && (kind & kHan) != 0) return false;
  return (kind & (kLetter | kMark)) != 0 && (kind & kUpper) == 0;
}

struct Halves {
  size_t with_lower = 0;  // end of the longest [upper]*[lower]+, its beginning when there is none
  size_t all_upper = 0;   // end of [upper]+[lower]* where there is no lower one
};

Halves find_halves(const CharTable& table, std::string_view text, size_t begin, bool but_han) {
  Halves found{begin, begin};
  size_t at = begin;
  while (at < text.size()) {
    const ClassedChar c = read_char(table, text, at);
    if (!can_be_upper(c.kind, but_han)) break;
    at = c.end;
    // Should no lower one follow, the last that can be both is the lower half.
    if (can_be_lower(c.kind, but_han)) found.with_lower = at;
  }
  found.all_upper = at;
  bool any_lower = false;
  while (at < text.size()) {
    const ClassedChar c = read_char(table, text, at);
    if (!can_be_lower(c.kind, but_han)) break;
    at = c.end;
    any_lower = true;
  }
  if (any_lower) found.with_lower = at;
  return found;
}

}  // namespace

size_t WordExpression::contraction(std::string_view text, size_t at, bool any_case) {
  if (at >= text.size() || text[at] != '\'') return at;
  const auto letter = [&](size_t i) -> unsigned char {
    const unsigned char c = i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<unsigned char>(c | 0x20) : c;
  };
  const unsigned char first = letter(at + 1);
  const unsigned char second = letter(at + 2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
  if ((first == 'r' || first == 'v') && second == 'e') return at + 3;
  if (first == 'l' && second == 'l') return at + 3;
  constexpr std::string_view kLongS = "\u017F";
  return any_case && text.substr(at + 1, kLongS.size()) == kLongS ? at + 1 + kLongS.size() : at;
}

size_t WordExpression::spaces(std::string_view text, size_t at, bool newlines) const {
  size_t after_newline = at;
  size_t last = at;  // where the last whitespace character of the run begins
  size_t end = at;
  while (end < text.size()) {
    const ClassedChar c = read_char(table_, text, end);
    if ((c.kind & kWhitespace) == 0) break;
    last = end;
    end = c.end;
    if ((c.kind & kNewline) != 0) after_newline = end;
  }
  if (newlines && after_newline != at) return after_newline;
  return end < text.size() && last > at ? last : end;
}

size_t WordExpression::gpt2(std::string_view text, size_t at) const {
  const size_t shortened = contraction(text, at, false);
  if (shortened != at) return shortened;
  const ClassedChar first = read_char(table_, text, at);
  const size_t start = first.code == ' ' ? first.end : at;
  const ClassedChar c = start == at ? first : read(text, start);
  if (start < text.size()) {
    if ((c.kind & kLetter) != 0) return skip(text, c.end, kLetter);
    if ((c.kind & kNumber) != 0) return skip(text, c.end, kNumber);
    if ((c.kind & kWhitespace) == 0) {
      return skip_other(text, c.end, kWhitespace | kLetter | kNumber);
    }
  }
  return spaces(text, at, false);
}

size_t WordExpression::tail(std::string_view text, size_t at, Tail tail) {
  const auto fits = [&] {
    if (at >= text.size()) return false;
    const char c = text[at];
    return c == '\r' || c == '\n' || (c == '/' && tail != Tail::newlines);
  };
  if (tail == Tail::none) return at;
  if (tail == Tail::one) return fits() ? at + 1 : at;
  while (fits()) ++at;
  return at;
}

// \s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)| and so on to \s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}
size_t WordExpression::halving_spaces(std::string_view text, size_t at, size_t& no_newline) const {
  constexpr size_t kMost = 512;
  if (at >= no_newline) {
    const size_t end = spaces(text, at, true);
    if (end > at && (text[end - 1] == '\n' || text[end - 1] == '\r')) return end;
    no_newline = end;
  }
  size_t ends[kMost + 1] = {at};
  size_t count = 0;
  while (count < kMost && ends[count] < text.size()) {
    const ClassedChar c = read_char(table_, text, ends[count]);
    if ((c.kind & kWhitespace) == 0) break;
    ends[++count] = c.end;
  }
  for (size_t size = kMost; size >= 1; size /= 2) {
    if (size > count) continue;
    const ClassedChar behind = read(text, ends[size]);
    if (ends[size] == text.size() || (behind.kind & kWhitespace) != 0) return ends[size];
  }
  return ends[1];
}

size_t WordExpression::spaced_letters(std::string_view text, size_t at,
                                      const ClassedChar& first) const {
  size_t end = at;
  if ((first.kind & (kLetter | kNumber | kNewline)) == 0) end = first.end;
  ClassedChar c = read(text, end);
  if ((c.kind & kLetter) == 0) return at;
  while ((c.kind & kLetter) != 0) {
    end = skip(text, c.end, kMark);
    c = read(text, end);
    if (end < text.size() && c.code == ' ') c = read(text, c.end);
  }
  return end;
}

size_t WordExpression::cased_letters(std::string_view text, size_t at, const ClassedChar& first,
                                     bool but_han) const {
  const bool letter = (first.kind & kLetter) != 0;
  const bool leads = (first.kind & (kLetter | kNumber | kNewline)) == 0;
  if (!letter && !leads) return at;
  const size_t behind = leads ? first.end : at;
  const Halves halves = find_halves(table_, text, behind, but_han);
  if (halves.with_lower > behind) return halves.with_lower;
  // A mark can lead, or be the first letter itself.
  if (leads && (first.kind & kMark) != 0) {
    const Halves own = find_halves(table_, text, at, but_han);
    if (own.with_lower > at) return own.with_lower;
  }
  return halves.all_upper > behind ? halves.all_upper : at;
}

}  // namespace hearth::text
