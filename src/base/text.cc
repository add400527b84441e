#include "base/text.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "base/utf8.h"

namespace hearth {

void append_piece(std::string& out, double piece) {
  char digits[32];
  const int n = std::snprintf(digits, sizeof digits, "%.6g", piece);
  out.append(digits, static_cast<size_t>(std::max(n, 0)));
}

namespace {

// What a terminal or an editor obeys instead of showing it: the control characters of ASCII and of
// Latin-1 (U+009B alone begins an escape sequence in some terminals), the line separators, and the
// marks that can make a line read in another order than it is written.
bool commands_terminal(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x61C || code == 0x200E ||
         code == 0x200F || (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string printable(std::string_view text, size_t max_bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  size_t at = 0;
  while (at < text.size() && out.size() < max_bytes) {
    const Utf8Char c = decode_utf8(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    if (!c.valid || commands_terminal(c.code)) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
      at += 1;
    } else {
      out.append(text.substr(at, c.length));
      at += c.length;
    }
  }
  if (at < text.size()) out += "...";
  return out;
}

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

bool ends_with(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  size_t from = 0;
  while (true) {
    const size_t to = text.find(separator, from);
    parts.push_back(text.substr(from, to == text.npos ? to : to - from));
    if (to == text.npos) return parts;
    from = to + 1;
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t from = text.find_first_not_of(kSpace);
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.size() > 64) return {};
  std::string_view best;
  const size_t dashes = std::min(word.find_first_not_of('-'), word.size());
  size_t best_distance = 1 + (word.size() - dashes) / 3;  // farther is no help to anyone
  for (const std::string_view candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance <= best_distance && (best.empty() || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace hearth
