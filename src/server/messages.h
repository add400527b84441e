// Conversations as OpenAI's chat completions write them, which is also what templates read: the
// form that every dialect's messages are brought into.
#pragma once

#include "server/fields.h"

namespace hearth::server {

inline constexpr size_t kMaxMessages = 10000;
inline constexpr size_t kMaxTools = 512;

// `messages`, checked: roles that templates know (developer becomes system), contents as text
// (parts of text are joined), calls and results of tools in their places. Problems name the
// message, as in "messages[3].content".
[[nodiscard]] Answerable<Json> check_messages(const Json& messages);

// `tools`, checked: [{"type": "function", "function": {"name", "description", "parameters"}}].
[[nodiscard]] Answerable<Json> check_tools(const Json& tools);

}  // namespace hearth::server
