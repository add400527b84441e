// The chain from logits to a token: penalties, top-k, top-p, min-p, temperature, draw.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/rng.h"
#include "sample/params.h"
#include "text/vocab.h"

namespace hearth::sample {

class Sampler {
 public:
  // `params` have passed check(). Takes its memory here; sample() allocates nothing.
  Sampler(const SamplingParams& params, size_t n_vocab);

  // Chooses the next token. `logits` ([n_vocab]) may be changed; `history` is everything before it,
  // prompt included. An error when no logit is a number: then the model's file is damaged.
  [[nodiscard]] Result<text::Token> sample(std::span<float> logits,
                                           std::span<const text::Token> history);

  [[nodiscard]] const SamplingParams& params() const { return params_; }

 private:
  struct Candidate {
    text::Token token;
    float logit;
    float probability;
  };

  void penalize(std::span<float> logits, std::span<const text::Token> history);
  void keep_top_k(std::span<const float> logits);
  void fill_probabilities();
  void keep_top_p();
  void keep_min_p();
  [[nodiscard]] text::Token draw();

  SamplingParams params_;
  Rng rng_;
  std::vector<Candidate> candidates_;
  std::vector<uint32_t> counts_;  // how often a token is in the window; all 0 between calls
};

}  // namespace hearth::sample
