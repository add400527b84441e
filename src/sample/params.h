// How the next token is chosen from the logits. Names and defaults are llama.cpp's.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace hearth::sample {

struct SamplingParams {
  float temperature = 0.8f;  // 0 or less: the most likely token, always
  int32_t top_k = 40;        // keep the k most likely; 0 keeps all
  float top_p = 0.95f;       // keep the most likely that together reach p; 1 keeps all
  float min_p = 0.05f;       // keep those at least min_p times as likely as the best; 0 keeps all
  int32_t penalty_window = 64;  // tokens looked back at; 0 looks at none, -1 at all
  float repeat_penalty =
      1.0f;  // divides positive logits of tokens seen, multiplies negative; 1 is off
  float presence_penalty = 0.0f;   // taken off the logits of tokens seen
  float frequency_penalty = 0.0f;  // taken off as often as the token was seen
  uint64_t seed = 0;
};

// The first value that is out of range, by its flag's name.
[[nodiscard]] Result<void> check(const SamplingParams& params);

}  // namespace hearth::sample
