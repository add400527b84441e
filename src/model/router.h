// Which experts a token takes, and with which weights.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"

namespace hearth::model {

struct Choice {
  uint32_t expert = 0;
  float weight = 0;
};

// Of at least one value, in place.
void softmax(std::span<float> values);

// Chooses config.n_used experts by the logits of one token [n_experts] and `bias` [n_experts],
// which counts for the choice only and may be null. Of equals the first is taken. `chosen` has
// n_used places, which come back in the order of experts; `work` is any memory to work in.
void choose_experts(const RouterConfig& config, std::span<const float> logits, const float* bias,
                    std::span<Choice> chosen, std::vector<float>& work);

}  // namespace hearth::model
