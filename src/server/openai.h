// What the files of OpenAI's dialect share.
#pragma once

#include "server/answer.h"
#include "server/fields.h"
#include "server/options.h"

namespace hearth::server {

// max_tokens and what it is called elsewhere, stop, n, logit_bias and the members of
// sampling_fields.h, for chat and plain completions.
void read_common(Fields& fields, const Options& options, AnswerRequest& request);

// Members that clients send and that change nothing here.
void ignore_known(Fields& fields);

// {"prompt_tokens", "completion_tokens", "total_tokens", ...} of all answers to one prompt.
[[nodiscard]] Json usage_of(std::span<const Answer> answers);

// stop, length or tool_calls.
[[nodiscard]] std::string_view finish_reason_of(const protocol::Finished& finished);

// What the web page shows of an answer: who made it, and how many bytes left for it.
[[nodiscard]] Json origin_of(const AnswerFacts& facts);

// logprobs.content of chat completions.
[[nodiscard]] Json chat_logprobs(std::span<const protocol::Chance> chances);
// logprobs of plain completions; `offset`: bytes of text in front of the first.
[[nodiscard]] Json plain_logprobs(std::span<const protocol::Chance> chances, size_t offset);

[[nodiscard]] std::unique_ptr<AnswerFormat> chat_format(bool with_usage);
[[nodiscard]] std::unique_ptr<AnswerFormat> completion_format(bool with_usage, std::string echo);

}  // namespace hearth::server
