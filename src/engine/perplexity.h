// Perplexity of a model on a text: exp of the mean negative log likelihood of its tokens.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/result.h"
#include "engine/session.h"

namespace hearth::engine {

enum class WindowScoring {
  // As llama-perplexity does it: the text begins with BOS, each window's first token is replaced by
  // BOS, and
  // only the tokens of its second half but the last are scored, so that each has context.
  second_half,
  // Every token is scored: the input of a window of n tokens is BOS and its first n - 1.
  every_token,
};

struct PerplexityResult {
  double perplexity = 0;
  double standard_error = 0;  // of the perplexity
  size_t scored_tokens = 0;
  size_t windows = 0;
};

// `tokens` of the whole text (with BOS in front for second_half, without for every_token) in whole
// windows of `window` tokens, at most `max_windows`. Called after each window with how many are
// done and the perplexity so far. The session is rewound.
using PerplexityProgress = std::function<void(size_t done, double perplexity)>;
[[nodiscard]] Result<PerplexityResult> perplexity(Session& session,
                                                  std::span<const text::Token> tokens,
                                                  size_t window, size_t max_windows,
                                                  WindowScoring scoring,
                                                  const PerplexityProgress& progress = {});

}  // namespace hearth::engine
