// Values that models write in other ways than JSON, as JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::text {

// A string literal with its quotes. What is no UTF-8 stays as it is.
void append_json_string(std::string& out, std::string_view text);

enum class LiteralKind {
  python,  // as Python's repr writes them, and JSON
  braces,  // strings between <|"|>, keys with or without
};

// One value with nothing but blanks around it. nullopt for what is none, and for more than 100
// lists and objects in each other.
[[nodiscard]] std::optional<std::string> json_of_literal(std::string_view text, LiteralKind kind);

// a=1, b='x' and a:1,b:<|"|>x<|"|>: a JSON object.
[[nodiscard]] std::optional<std::string> json_of_arguments(std::string_view text, LiteralKind kind);

// Whether a quote at text[at] ends its string: only where something can follow a string. Models
// write apostrophes without escaping them. At the end of `text`, nullopt: it cannot be told yet.
[[nodiscard]] std::optional<bool> ends_string(std::string_view text, size_t at);

// A value that stands between marks without quotes. `types` are ReplyTools::Type; a text that may
// only be a string is one; otherwise it is what it is as JSON (or, with `python`, as Python's
// repr), if that may be; otherwise it is a string.
[[nodiscard]] std::string json_of_value(std::string_view text, unsigned types, bool python);

}  // namespace hearth::text
