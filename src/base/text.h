// Small text helpers that the engine side may use on every platform.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth {

inline void append_piece(std::string& out, std::string_view piece) { out.append(piece); }
inline void append_piece(std::string& out, const char* piece) { out.append(piece); }
inline void append_piece(std::string& out, const std::string& piece) { out.append(piece); }
inline void append_piece(std::string& out, char piece) { out.push_back(piece); }
inline void append_piece(std::string& out, bool piece) { out.append(piece ? "true" : "false"); }
void append_piece(std::string& out, double piece);  // shortest of up to 6 significant digits
template <std::integral T>
void append_piece(std::string& out, T piece) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, piece);
  out.append(digits, end.ptr);
}

// Joins text and numbers: cat("tensor '", name, "' has ", n, " rows").
template <class... Pieces>
[[nodiscard]] std::string cat(const Pieces&... pieces) {
  std::string out;
  (append_piece(out, pieces), ...);
  return out;
}

// Text from a stranger, made safe to print on one line: control characters, line separators, marks
// that turn the direction of text and invalid UTF-8 become \xNN, and more than `max_bytes` are cut
// with "...".
[[nodiscard]] std::string printable(std::string_view text, size_t max_bytes = 120);

[[nodiscard]] bool starts_with(std::string_view text, std::string_view prefix);
[[nodiscard]] bool ends_with(std::string_view text, std::string_view suffix);
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);
[[nodiscard]] std::string_view trim(std::string_view text);

// The candidate nearest to `word` by edit distance, or "" when none is near enough to suggest.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       const std::vector<std::string_view>& candidates);

}  // namespace hearth
