#include "engine/perplexity.h"

#include <algorithm>
#include <cmath>

namespace hearth::engine {
namespace {

// -log softmax(logits)[token], in double.
double negative_log_likelihood(std::span<const float> logits, text::Token token) {
  const float best = *std::max_element(logits.begin(), logits.end());
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit - best));
  return std::log(total) - static_cast<double>(logits[static_cast<size_t>(token)] - best);
}

// Input and targets of one window: position i of `input` predicts targets[i]; scored from `first`
// to `end`.
struct Window {
  std::vector<text::Token> input;
  std::vector<text::Token> targets;
  size_t first = 0;
  size_t end = 0;
};

Window make_window(std::span<const text::Token> tokens, std::optional<text::Token> bos,
                   WindowScoring scoring) {
  const size_t n = tokens.size();
  Window window;
  if (scoring == WindowScoring::every_token) {
    window.input.assign(tokens.begin(), tokens.end() - 1);
    window.input.insert(window.input.begin(), bos.value_or(tokens[0]));
    window.targets.assign(tokens.begin(), tokens.end());
    window.end = n;
    return window;
  }
  window.input.assign(tokens.begin(), tokens.end());
  if (bos) window.input[0] = *bos;
  window.targets.assign(tokens.begin() + 1, tokens.end());
  window.first = n / 2;
  window.end = n - 1;
  return window;
}

}  // namespace

Result<PerplexityResult> perplexity(Session& session, std::span<const text::Token> tokens,
                                    size_t window, size_t max_windows, WindowScoring scoring,
                                    const PerplexityProgress& progress) {
  if (window < 4 || window > session.context()) {
    return fail(ErrorCode::bad_usage, "a window of ", window,
                " tokens is out of range: choose 4 to the context of ", session.context());
  }
  const size_t windows = std::min(tokens.size() / window, max_windows);
  if (windows == 0) {
    return fail(ErrorCode::bad_usage, "the text has ", tokens.size(),
                " tokens, fewer than one window of ", window,
                ": give a longer text or a smaller -c");
  }
  const text::Tokenizer* tokenizer = session.model().tokenizer();
  const auto bos = tokenizer != nullptr && tokenizer->vocab().add_bos() ? tokenizer->vocab().bos()
                                                                        : std::nullopt;
  const size_t n_vocab = session.model().config().n_vocab;
  PerplexityResult result;
  double sum = 0;
  double squares = 0;
  for (size_t w = 0; w < windows; ++w) {
    const Window part = make_window(tokens.subspan(w * window, window), bos, scoring);
    session.rewind(0);
    HEARTH_CHECK(session.advance_with_logits(
        part.input, [&](size_t first, size_t count, std::span<const float> logits) -> Result<void> {
          for (size_t i = std::max(first, part.first); i < std::min(first + count, part.end); ++i) {
            const double nll = negative_log_likelihood(
                logits.subspan((i - first) * n_vocab, n_vocab), part.targets[i]);
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
