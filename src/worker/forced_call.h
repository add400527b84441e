// Calls of tools that a request asks for: what the model has to write, so that one comes.
#pragma once

#include <string>

#include "grammar/expression.h"
#include "protocol/request.h"
#include "text/reply_format.h"

namespace hearth::worker {

struct ForcedCall {
  std::string opening;                        // written in any case, before the model chooses
  grammar::Rules rules;                       // what follows it
  const text::ReplyFormat* format = nullptr;  // that reads both
};

// `tools` as in OpenAI's chat completions. Where the model's own format writes a call as JSON
// behind a mark, that; otherwise a call is a JSON object with name and arguments. bad_usage: no
// tool of that name, or a schema that cannot be kept.
[[nodiscard]] Result<ForcedCall> force_call(const protocol::Json& tools,
                                            const protocol::ToolUse& use,
                                            const text::ReplyFormat& format);

}  // namespace hearth::worker
