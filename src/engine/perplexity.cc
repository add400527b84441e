#include "engine/perplexity.h"

#include <algorithm>
#include <cmath>

#include "engine/distribution.h"

namespace hearth::engine {

Result<PerplexityResult> perplexity(Session& session, std::span<const text::Token> tokens,
                                    size_t window, size_t max_windows, WindowScoring scoring,
                                    const PerplexityProgress& progress) {
  if (window < 4 || window > session.context()) {
    return fail(ErrorCode::bad_usage, "a window of ", window,
                " tokens is out of range: choose 4 to the context of ", session.context());
  }
  HEARTH_TRY(const TextWindows windows,
             TextWindows::cut(session.model(), tokens, window, max_windows, scoring));
  const size_t n_vocab = session.model().config().n_vocab;
  PerplexityResult result;
  double sum = 0;
  double squares = 0;
  for (size_t w = 0; w < windows.count(); ++w) {
    const TextWindow part = windows.window(w);
    HEARTH_CHECK(compute_scored(
        session, part,
        [&](size_t first, size_t count, std::span<const float> logits) -> Result<void> {
          for (size_t i = first; i < first + count; ++i) {
            const Distribution next(logits.subspan((i - first) * n_vocab, n_vocab));
            const double nll = -next.log_probability(static_cast<size_t>(part.targets[i]));
            sum += nll;
            squares += nll * nll;
            ++result.scored_tokens;
          }
          return {};
        }));
    ++result.windows;
    if (progress)
      progress(result.windows, std::exp(sum / static_cast<double>(result.scored_tokens)));
  }
  const auto n = static_cast<double>(result.scored_tokens);
  const double mean = sum / n;
  result.perplexity = std::exp(mean);
  if (!std::isfinite(result.perplexity)) {
    return fail(
        ErrorCode::bad_file,
        "the model's results are not numbers: its file is damaged or not supported, get it again");
  }
  result.standard_error =
      n > 1 ? result.perplexity * std::sqrt(std::max(0.0, squares / n - mean * mean) / (n - 1)) : 0;
  return result;
}

}  // namespace hearth::engine
