// Texts as Python's str has them: counted in code points, with Python's ideas of blanks and lines.
// All texts here are valid UTF-8.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace hearth::text::jinja {

[[nodiscard]] size_t code_points(std::string_view text);

// The byte where code point number `index` begins; text.size() when there are fewer.
[[nodiscard]] size_t byte_of(std::string_view text, size_t index);
[[nodiscard]] std::string_view code_point_at(std::string_view text, size_t index);

// str.isspace() of one character.
[[nodiscard]] bool is_blank(char32_t code);

enum class Side { left, right, both };
// str.strip(chars), lstrip, rstrip; blanks when no chars are given.
[[nodiscard]] std::string_view strip(std::string_view text, std::optional<std::string_view> chars,
                                     Side side);

// str.split(): at runs of blanks, without empty pieces.
[[nodiscard]] std::vector<std::string_view> split_blanks(std::string_view text, size_t most);
[[nodiscard]] std::vector<std::string_view> split_blanks_right(std::string_view text, size_t most);
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

[[nodiscard]] std::string replace_all(std::string_view text, std::string_view old,
                                      std::string_view by, size_t most);
// How often replace_all would, at most `most` times.
[[nodiscard]] size_t count_of(std::string_view text, std::string_view old, size_t most);

// repr() of a str: in quotes, what cannot be printed escaped.
void append_quoted(std::string& out, std::string_view text);

// A string of JSON, as json.dumps writes it.
void append_json_string(std::string& out, std::string_view text, bool ascii);

}  // namespace hearth::text::jinja
