// What a model says of the token that comes next, as probabilities.
#pragma once

#include <cstddef>
#include <span>

namespace hearth::engine {

// Logits of all tokens as a distribution over them: log p[i] = logits[i] - log_sum, in double. The
// logits must outlive it.
struct Distribution {
  std::span<const float> logits;
  double log_sum = 0;
  size_t top = 0;  // the most likely token

  explicit Distribution(std::span<const float> all);
  [[nodiscard]] double log_probability(size_t token) const {
    return static_cast<double>(logits[token]) - log_sum;
  }
};

}  // namespace hearth::engine
