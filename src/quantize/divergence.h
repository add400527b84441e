// How far a model's predictions are from another's: the Kullback-Leibler divergence (Kullback and
// Leibler 1951) of distributions over the next token, on the tokens of a text. What is counted, and
// what is reported of it, is as llama-perplexity --kl-divergence does it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/distribution.h"
#include "engine/text_windows.h"

namespace hearth::quantize {

// One position of a text.
struct TokenDivergence {
  double kl = 0;         // KL(reference || candidate), nats
  double reference = 0;  // log probability of the token that follows in the text
  double candidate = 0;
  bool same_top = false;
};

[[nodiscard]] TokenDivergence compare(const engine::Distribution& reference,
                                      const engine::Distribution& candidate, text::Token next);

struct Estimate {
  double value = 0;
  double error = 0;  // standard error
};

struct Divergence {
  size_t tokens = 0;
  Estimate kl;  // mean; this and what follows in nats
  double kl_median = 0;
  double kl_90 = 0;  // below this are 90 % of the tokens
  double kl_99 = 0;
  double kl_999 = 0;
  double kl_maximum = 0;
  Estimate same_top;  // how often both hold the same token most likely, 0 to 1
  Estimate reference_perplexity;
  Estimate candidate_perplexity;
  Estimate perplexity_ratio;              // candidate's / reference's; tokens are compared in pairs
  double rms_probability_difference = 0;  // of the tokens that follow in the text
};

// Sums run in the order of tokens. An error when a divergence is no number.
[[nodiscard]] Result<Divergence> summarize(std::span<const TokenDivergence> tokens);

// What one model, the reference, predicts on the windows of a text; computed once and held against
// any number of candidates.
class ReferenceDistributions {
 public:
  // Called with the number of windows that are done.
  using Progress = std::function<void(size_t done)>;

  // Keeps the logits of as many windows as fit into `memory_limit` bytes; those of the others are
  // computed again for each candidate. The session must outlive this, and so must the windows'
  // tokens.
  [[nodiscard]] static Result<ReferenceDistributions> compute(engine::Session& reference,
                                                              engine::TextWindows windows,
                                                              uint64_t memory_limit,
                                                              const Progress& progress = {});

  [[nodiscard]] const engine::TextWindows& windows() const { return windows_; }
  // Bytes of kept logits.
  [[nodiscard]] uint64_t bytes() const;

  // Every scored token of the first `most` windows, in order. The candidate's session, whose
  // context must hold a window, is rewound. An error when its vocabulary has another size.
  [[nodiscard]] Result<std::vector<TokenDivergence>> tokens(engine::Session& candidate,
                                                            size_t most = SIZE_MAX,
                                                            const Progress& progress = {}) const;
  [[nodiscard]] Result<Divergence> compare(engine::Session& candidate, size_t most = SIZE_MAX,
                                           const Progress& progress = {}) const;

 private:
  ReferenceDistributions(engine::Session& reference, engine::TextWindows windows)
      : reference_(&reference), windows_(std::move(windows)) {}
  [[nodiscard]] Result<std::vector<float>> logits_of(size_t window) const;

  engine::Session* reference_;
  engine::TextWindows windows_;
  std::vector<std::vector<float>> kept_;  // of the first windows: [scored tokens][n_vocab]
};

}  // namespace hearth::quantize
