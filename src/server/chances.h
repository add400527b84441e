// Chances of tokens as OpenAI, Ollama and llama-server write them.
#pragma once

#include <span>

#include "server/problem.h"

namespace hearth::server {

// {"token", "logprob", "bytes", "top_logprobs"}, with "id" in front for llama-server.
[[nodiscard]] Json chance_json(const protocol::Chance& chance, bool with_id = false);
// A list of them.
[[nodiscard]] Json chances_json(std::span<const protocol::Chance> chances, bool with_id = false);

}  // namespace hearth::server
