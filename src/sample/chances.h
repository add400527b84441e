// How likely a model took its tokens to be, before anything was sampled.
#pragma once

#include <span>
#include <vector>

#include "text/vocab.h"

namespace hearth::sample {

struct Chance {
  text::Token token = text::kNoToken;
  float log_probability = 0;  // natural logarithm
};

// What logits [n_vocab] say of each token, and the `count` most likely ones, best first; equal ones
// by their ids. Later changes of the logits do not matter.
class ChanceTable {
 public:
  ChanceTable(std::span<const float> logits, size_t count);

  [[nodiscard]] const std::vector<Chance>& best() const { return best_; }
  [[nodiscard]] Chance of_token(text::Token token) const;

 private:
  std::vector<float> logits_;
  float log_total_ = 0;  // log of the sum of exp(logit)
  std::vector<Chance> best_;
};

}  // namespace hearth::sample
