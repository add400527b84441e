#include "quantize/divergence.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hearth::quantize {

using engine::Distribution;

namespace {

// Mean and its standard error of count values, from their sum and the sum of their squares.
Estimate estimate(double sum, double squares, size_t count) {
  const auto n = static_cast<double>(count);
  const double mean = sum / n;
  const double variance = std::max(0.0, squares / n - mean * mean);
  return {mean, count > 1 ? std::sqrt(variance / (n - 1)) : 0};
}

template <class Value>
Estimate estimate_of(std::span<const TokenDivergence> tokens, Value value) {
  double sum = 0, squares = 0;
  for (const TokenDivergence& token : tokens) {
    const double x = value(token);
    sum += x;
    squares += x * x;
  }
  return estimate(sum, squares, tokens.size());
}

// exp of an estimate, its error to first order.
Estimate exp_of(Estimate log) {
  const double value = std::exp(log.value);
  return {value, value * log.error};
}

// Between neighbours the percentile moves linearly.
double percentile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double rest = place - static_cast<double>(below);
  return (1 - rest) * sorted[below] + rest * sorted[above];
}

}  // namespace

TokenDivergence compare(const Distribution& reference, const Distribution& candidate,
                        text::Token next) {
  TokenDivergence token;
  const auto at = static_cast<size_t>(next);
  token.reference = reference.log_probability(at);
  token.candidate = candidate.log_probability(at);
  token.same_top = reference.top == candidate.top;
  const double shift = reference.log_sum - candidate.log_sum;
  for (size_t i = 0; i < reference.logits.size(); ++i) {
    const double p = std::exp(reference.log_probability(i));
    token.kl += p * (static_cast<double>(reference.logits[i]) -
                     static_cast<double>(candidate.logits[i]) - shift);
  }
  // It is never negative; what is left of rounding is.
  token.kl = token.kl < 0 ? 0.0 : token.kl;
  return token;
}

Result<Divergence> summarize(std::span<const TokenDivergence> tokens) {
  if (tokens.empty()) return fail(ErrorCode::internal, "no tokens were compared");
  std::vector<double> kl;
  kl.reserve(tokens.size());
  for (const TokenDivergence& token : tokens) {
    if (!std::isfinite(token.kl) || !std::isfinite(token.candidate)) {
      return fail(ErrorCode::bad_file,
                  "the model's results are not numbers: its file is damaged or not supported, get "
                  "it again");
    }
    kl.push_back(token.kl);
  }
  std::sort(kl.begin(), kl.end());
  using Token = TokenDivergence;
  Divergence all;
  all.tokens = tokens.size();
  all.kl = estimate_of(tokens, [](const Token& t) { return t.kl; });
  all.kl_median = percentile(kl, 0.5);
  all.kl_90 = percentile(kl, 0.9);
  all.kl_99 = percentile(kl, 0.99);
  all.kl_999 = percentile(kl, 0.999);
  all.kl_maximum = kl.back();
  all.same_top = estimate_of(tokens, [](const Token& t) { return t.same_top ? 1.0 : 0.0; });
  all.reference_perplexity =
      exp_of(estimate_of(tokens, [](const Token& t) { return -t.reference; }));
  all.candidate_perplexity =
      exp_of(estimate_of(tokens, [](const Token& t) { return -t.candidate; }));
  all.perplexity_ratio =
      exp_of(estimate_of(tokens, [](const Token& t) { return t.reference - t.candidate; }));
  const Estimate squared = estimate_of(tokens, [](const Token& t) {
    const double difference = std::exp(t.candidate) - std::exp(t.reference);
    return difference * difference;
  });
  all.rms_probability_difference = std::sqrt(squared.value);
  return all;
}

Result<ReferenceDistributions> ReferenceDistributions::compute(engine::Session& reference,
                                                               engine::TextWindows windows,
                                                               uint64_t memory_limit,
                                                               const Progress& progress) {
  ReferenceDistributions all(reference, std::move(windows));
  const size_t n_vocab = reference.model().config().n_vocab;
  const uint64_t bytes = uint64_t{all.windows_.scored()} * n_vocab * sizeof(float);
  const uint64_t fitting = std::min<uint64_t>(all.windows_.count(), memory_limit / bytes);
  for (size_t w = 0; w < fitting; ++w) {
    HEARTH_TRY(std::vector<float> logits, all.logits_of(w));
    all.kept_.push_back(std::move(logits));
    if (progress) progress(w + 1);
  }
  return all;
}

uint64_t ReferenceDistributions::bytes() const {
  uint64_t bytes = 0;
  for (const std::vector<float>& logits : kept_) bytes += logits.size() * sizeof(float);
  return bytes;
}

Result<std::vector<float>> ReferenceDistributions::logits_of(size_t window) const {
  std::vector<float> all;
  all.reserve(windows_.scored() * reference_->model().config().n_vocab);
  HEARTH_CHECK(
      engine::compute_scored(*reference_, windows_.window(window),
                             [&](size_t, size_t, std::span<const float> logits) -> Result<void> {
                               all.insert(all.end(), logits.begin(), logits.end());
                               return {};
                             }));
  return all;
}

Result<std::vector<TokenDivergence>> ReferenceDistributions::tokens(
    engine::Session& candidate, size_t most, const Progress& progress) const {
  const size_t n_vocab = reference_->model().config().n_vocab;
  if (candidate.model().config().n_vocab != n_vocab) {
    return fail(ErrorCode::bad_usage, "the vocabulary has ", candidate.model().config().n_vocab,
                " tokens, that of the reference ", n_vocab,
                ": only files of one model can be compared");
  }
  std::vector<TokenDivergence> tokens;
  const size_t count = std::min(most, windows_.count());
  for (size_t w = 0; w < count; ++w) {
    std::vector<float> again;
    if (w >= kept_.size()) {
      HEARTH_TRY(again, logits_of(w));
    }
    const std::span<const float> wanted(w < kept_.size() ? kept_[w] : again);
    const engine::TextWindow window = windows_.window(w);
    const size_t before = tokens.size();
    tokens.resize(before + windows_.scored());
    HEARTH_CHECK(engine::compute_scored(
        candidate, window,
        [&](size_t first, size_t rows, std::span<const float> logits) -> Result<void> {
          const size_t at = first - window.first;
          candidate.runtime()->pool().run(rows, [&](size_t row, size_t) {
            const Distribution want(wanted.subspan((at + row) * n_vocab, n_vocab));
            const Distribution got(logits.subspan(row * n_vocab, n_vocab));
            tokens[before + at + row] = quantize::compare(want, got, window.targets[first + row]);
          });
          return {};
        }));
    if (progress) progress(w + 1);
  }
  return tokens;
}

Result<Divergence> ReferenceDistributions::compare(engine::Session& candidate, size_t most,
                                                   const Progress& progress) const {
  HEARTH_TRY(const std::vector<TokenDivergence> all, tokens(candidate, most, progress));
  return summarize(all);
}

}  // namespace hearth::quantize
