// The arguments of a call that come as JSON: passed on as they come.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "text/json_scanner.h"
#include "text/reply_calls.h"

namespace hearth::text {

// One JSON value, byte by byte. Control characters in strings, which JSON does not allow but models
// write, become escapes.
class JsonValue {
 public:
  JsonScanner::Step push(char c);
  // What has come since the last take().
  [[nodiscard]] std::string take() { return std::exchange(text_, {}); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  JsonScanner scanner_;
  std::string text_;
};

// The arguments that a whole JSON value stands for: an object, a string that holds one, null or
// nothing. "" for any other.
[[nodiscard]] std::string arguments_of(std::string_view json);

}  // namespace hearth::text
