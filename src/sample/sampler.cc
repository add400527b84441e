#include "sample/sampler.h"

#include <algorithm>
#include <cmath>

namespace hearth::sample {
namespace {

// The logit of a number; of anything else, one that is never chosen.
float usable(float logit) { return std::isnan(logit) ? -INFINITY : logit; }

}  // namespace

Result<void> check(const SamplingParams& p) {
  const auto bad = [](const char* flag, auto value, const char* range) {
    return fail(ErrorCode::bad_usage, flag, " is ", value, ", it must be ", range);
  };
  const auto d = [](float value) { return static_cast<double>(value); };
  if (!(p.temperature >= 0 && p.temperature <= 100))
    return bad("--temp", d(p.temperature), "from 0 to 100");
  if (p.top_k < 0) return bad("--top-k", p.top_k, "0 (all) or more");
  if (!(p.top_p >= 0 && p.top_p <= 1)) return bad("--top-p", d(p.top_p), "from 0 to 1");
  if (!(p.min_p >= 0 && p.min_p <= 1)) return bad("--min-p", d(p.min_p), "from 0 to 1");
  if (p.penalty_window < -1) return bad("--repeat-last-n", p.penalty_window, "-1 (all), 0 or more");
  if (!(p.repeat_penalty > 0 && p.repeat_penalty <= 100)) {
    return bad("--repeat-penalty", d(p.repeat_penalty), "above 0 and at most 100");
  }
  if (!(std::fabs(p.presence_penalty) <= 100))
    return bad("--presence-penalty", d(p.presence_penalty), "from -100 to 100");
  if (!(std::fabs(p.frequency_penalty) <= 100))
    return bad("--frequency-penalty", d(p.frequency_penalty), "from -100 to 100");
  return {};
}

Sampler::Sampler(const SamplingParams& params, size_t n_vocab)
    : params_(params), rng_(params.seed), counts_(n_vocab, 0) {
  candidates_.reserve(n_vocab);
}

Result<text::Token> Sampler::sample(std::span<float> logits, std::span<const text::Token> history) {
  penalize(logits, history);
  const auto best = std::max_element(logits.begin(), logits.end(),
                                     [](float a, float b) { return usable(a) < usable(b); });
  if (best == logits.end() || !std::isfinite(*best)) {
    return fail(
        ErrorCode::bad_file,
        "the model's results are not numbers: its file is damaged or not supported, get it again");
  }
  if (params_.temperature <= 0) return static_cast<text::Token>(best - logits.begin());
  keep_top_k(logits);
  keep_top_p();
  keep_min_p();
  return draw();
}

void Sampler::penalize(std::span<float> logits, std::span<const text::Token> history) {
  const bool off = params_.repeat_penalty == 1.0f && params_.presence_penalty == 0.0f &&
                   params_.frequency_penalty == 0.0f;
  if (off || params_.penalty_window == 0) return;
  const auto window = static_cast<size_t>(params_.penalty_window);
  if (params_.penalty_window > 0 && history.size() > window) history = history.last(window);
  for (const text::Token token : history) ++counts_[static_cast<size_t>(token)];
  for (const text::Token token : history) {
    const auto i = static_cast<size_t>(token);
    if (counts_[i] == 0) continue;  // already done
    float& logit = logits[i];
    logit = logit > 0 ? logit / params_.repeat_penalty : logit * params_.repeat_penalty;
    logit -= params_.presence_penalty + params_.frequency_penalty * static_cast<float>(counts_[i]);
    counts_[i] = 0;
  }
}

// Fills candidates_, best first, with all that are possible. Equal logits keep the order of their
// ids, so that a seed replays.
void Sampler::keep_top_k(std::span<const float> logits) {
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    const float logit = usable(logits[i]);
    if (logit > -INFINITY) candidates_.push_back({static_cast<text::Token>(i), logit, 0.0f});
  }
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  const size_t k = params_.top_k == 0
                       ? candidates_.size()
                       : std::min(candidates_.size(), static_cast<size_t>(params_.top_k));
  const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(k);
  std::partial_sort(candidates_.begin(), end, candidates_.end(), better);
  candidates_.erase(end, candidates_.end());
}

void Sampler::fill_probabilities() {
  const float best = candidates_.front().logit;
  float total = 0;
  for (Candidate& c : candidates_) total += c.probability = std::exp(c.logit - best);
  for (Candidate& c : candidates_) c.probability /= total;
}

void Sampler::keep_top_p() {
  if (params_.top_p >= 1.0f) return;
  fill_probabilities();
  float reached = 0;
  size_t kept = 0;
  while (kept < candidates_.size()) {
    reached += candidates_[kept++].probability;
    if (reached >= params_.top_p) break;
  }
  candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(kept), candidates_.end());
}

void Sampler::keep_min_p() {
  if (params_.min_p <= 0.0f) return;
  const float least = candidates_.front().logit + std::log(params_.min_p);
  const auto first_out = std::find_if(candidates_.begin(), candidates_.end(),
                                      [&](const Candidate& c) { return c.logit < least; });
  candidates_.erase(first_out, candidates_.end());
}

text::Token Sampler::draw() {
  for (Candidate& c : candidates_) c.logit /= params_.temperature;
  fill_probabilities();
  double left = rng_.uniform();
  for (const Candidate& c : candidates_) {
    left -= static_cast<double>(c.probability);
    if (left < 0) return c.token;
  }
  return candidates_.back().token;  // rounding left a crumb
}

}  // namespace hearth::sample
