// Perplexity of a model on a text: exp of the mean negative log likelihood of its tokens.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/result.h"
#include "engine/session.h"
#include "engine/text_windows.h"

namespace hearth::engine {

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
