// Anthropic's Messages API.
#pragma once

#include "server/answer.h"
#include "server/fields.h"
#include "server/options.h"

namespace hearth::server {

// `system` and `messages`, as a prompt for a template. Problems go to `fields`.
void read_anthropic_messages(Fields& fields, protocol::ChatPrompt& prompt);

// Writes answers as messages and their events.
[[nodiscard]] std::unique_ptr<AnswerFormat> anthropic_format();

}  // namespace hearth::server
