// Members that several dialects share.
#pragma once

#include "server/answer.h"
#include "server/fields.h"
#include "server/options.h"

namespace hearth::server {

// temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n, presence_penalty,
// frequency_penalty and seed (-1: a new one), with OpenAI's and llama-server's ranges. `request`
// begins with what the person who started the server chose.
void read_sampling(Fields& fields, const Options& options, AnswerRequest& request);

// `tools`, `tool_choice` and `parallel_tool_calls` of OpenAI.
void read_tools(Fields& fields, protocol::ChatPrompt& prompt, protocol::Generate& generate);

// `response_format` of OpenAI: text, json_object, json_schema.
void read_response_format(Fields& fields, protocol::Generate& generate);

}  // namespace hearth::server
