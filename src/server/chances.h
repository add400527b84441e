// Chances of tokens as OpenAI's dialects write them.
#pragma once

#include <span>

#include "server/problem.h"

namespace hearth::server {

// [{"token", "logprob", "bytes", "top_logprobs": [{"token", "logprob", "bytes"}]}]
[[nodiscard]] Json logprobs_of(std::span<const protocol::Chance> chances);

}  // namespace hearth::server
