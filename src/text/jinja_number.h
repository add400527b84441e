// Numbers as Python reads and writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "text/jinja_runtime.h"

namespace hearth::text::jinja {

// repr(): the shortest digits that read back as the same number, "1e-05", "inf", "nan".
[[nodiscard]] std::string real_text(double value);

// int(text, base) and float(text) of Python, with blanks around and "_" between digits. nullopt
// when the text is no number. A whole number beyond 64 bits is its decimal digits, with base 10.
struct WholeNumber {
  int64_t value = 0;
  std::string digits;  // of a number beyond 64 bits
};
[[nodiscard]] std::optional<WholeNumber> parse_whole(std::string_view text, int base);
[[nodiscard]] std::optional<double> parse_real(std::string_view text);

// The value of digits that were checked before: an integer, or `big` beyond 64 bits.
[[nodiscard]] Value whole_value(Runtime& runtime, WholeNumber number);

// int(value) of a real number: towards zero.
[[nodiscard]] Result<Value> truncated(double value);

// "%.*f", "%.*e", "%.*g" of C, never cut short.
[[nodiscard]] std::string c_format(char type, int precision, double value, bool alternate = false);

// + - * / // % ** of two numbers; the integers stay exact or are an error.
[[nodiscard]] Result<Value> compute(char op, const Value& a, const Value& b);
[[nodiscard]] Result<Value> power(const Value& a, const Value& b);

// round(value, digits)
[[nodiscard]] Result<Value> rounded(const Value& value, int64_t digits);

}  // namespace hearth::text::jinja
