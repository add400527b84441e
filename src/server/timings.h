// How long reading a prompt and writing an answer took, as llama-server tells it.
#pragma once

#include "server/problem.h"

namespace hearth::server {

// {"cache_n", "prompt_n", "prompt_ms", "prompt_per_token_ms", "prompt_per_second", "predicted_n",
// ...}
[[nodiscard]] Json timings_json(const protocol::Finished& finished);

}  // namespace hearth::server
