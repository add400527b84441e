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

// A tool whose name, description and schema stand in one object, as templates read it; null when
// something is wrong with it.
[[nodiscard]] Json read_function(Fields& tool, std::string_view schema_name);

// A problem unless `use` can be had with functions of these names.
void check_tool_choice(Fields& fields, const protocol::ToolUse& use,
                       const std::vector<std::string>& names);

// `response_format` of OpenAI: text, json_object, json_schema.
void read_response_format(Fields& fields, protocol::Generate& generate);
// The same with the schema beside the type.
void read_form(Fields& format, protocol::Generate& generate);

// How much a model shall think: none, minimal, low, medium, high, xhigh or max. Templates know it
// by either of two variables, or not at all.
void read_effort(Fields& fields, std::string_view name, protocol::ChatPrompt& prompt);

}  // namespace hearth::server
