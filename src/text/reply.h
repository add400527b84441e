// What a reply of a model consists of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hearth::text {

struct ToolCall {
  std::string id{};  // "" when the format writes none
  std::string name{};
  std::string arguments{};  // a JSON object
};

struct Reply {
  std::string content{};
  std::string reasoning{};
  std::vector<ToolCall> calls{};
  bool malformed = false;  // a part did not follow the format, and stands in `content` as it came
  std::string raw{};       // all of what the model wrote
};

// A reply while it comes.
struct ReplyEvent {
  enum class Kind : uint8_t {
    reasoning,       // text goes on
    content,         // text goes on
    call_begin,      // text: the name of the tool
    call_arguments,  // text: goes on
    call_end,        // text: the id, or ""
    call_discard,    // the call that began is none; what it was follows as content
  };
  Kind kind = Kind::content;
  size_t call = 0;  // which one
  std::string text{};
};

}  // namespace hearth::text
