// JSON byte by byte: finds where a value ends while it is still coming, and the first byte that
// cannot be JSON. Strings are taken as they are, also with control characters in them, which
// whoever passes them on must escape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text {

class JsonScanner {
 public:
  enum class Step : uint8_t {
    more,    // the value goes on
    done,    // the value ends with this byte
    before,  // the value, a number, ended in front of this byte
    bad,
  };
  // More than this many lists and objects in each other are bad.
  static constexpr size_t kMaxDepth = 128;

  [[nodiscard]] Step push(char c);
  [[nodiscard]] bool in_string() const;

 private:
  enum class State : uint8_t {
    value,      // a value must come
    first,      // behind [: a value or ]
    key_first,  // behind {: a key or }
    key,        // behind , in an object
    colon,
    next,  // behind a value in a list or an object
    string,
    escape,
    hex,
    literal,  // inside true, false, null
    minus,
    zero,
    digits,
    point,
    fraction,
    exponent,
    exponent_sign,
    exponent_digits,
  };

  Step value(char c);
  Step string(char c);
  Step number(char c);
  Step next(char c);
  Step ended();
  Step open(char c);
  Step close(char c);

  State state_ = State::value;
  bool is_key_ = false;     // of the string
  size_t hex_digits_ = 0;   // still to come
  std::string_view rest_;   // of the literal
  std::string containers_;  // { and [
};

}  // namespace hearth::text
