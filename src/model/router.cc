#include "model/router.h"

#include <algorithm>
#include <cmath>

namespace hearth::model {
namespace {

constexpr float kTaken = -INFINITY;

// Where the largest value stands. NaN is larger than nothing, so that some index always comes out.
size_t largest(std::span<const float> values) {
  size_t best = 0;
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

// Takes all experts out of the choice that are not in one of the best groups.
void keep_best_groups(const RouterConfig& config, std::span<float> scores) {
  const size_t size = config.n_experts / config.n_groups;
  std::vector<float> groups(config.n_groups);
  for (size_t g = 0; g < config.n_groups; ++g) {
    const std::span<const float> group = scores.subspan(g * size, size);
    const size_t best = largest(group);
    float second = -INFINITY;
    for (size_t i = 0; i < size; ++i) {
      if (i != best) second = std::max(second, group[i]);
    }
    groups[g] = group[best] + (size > 1 ? second : 0.0f);
  }
  std::vector<bool> kept(config.n_groups, false);
  for (size_t i = 0; i < config.n_groups_used; ++i) {
    const size_t best = largest(groups);
    kept[best] = true;
    groups[best] = kTaken;
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!kept[i / size]) scores[i] = kTaken;
  }
}

}  // namespace

void softmax(std::span<float> values) {
  const float top = values[largest(values)];
  float sum = 0;
  for (float& value : values) sum += value = std::exp(value - top);
  for (float& value : values) value /= sum;
}

void choose_experts(const RouterConfig& config, std::span<const float> logits, const float* bias,
                    std::span<Choice> chosen, std::vector<float>& work) {
  const size_t n = config.n_experts;
  work.assign(logits.begin(), logits.end());
  work.resize(2 * n);
  const std::span<float> weights(work.data(), n);
  const std::span<float> scores(work.data() + n, n);
  if (config.gating == RouterConfig::Gating::softmax) softmax(weights);
  if (config.gating == RouterConfig::Gating::sigmoid) {
    for (float& weight : weights) weight = 1.0f / (1.0f + std::exp(-weight));
  }
  for (size_t i = 0; i < n; ++i) scores[i] = weights[i] + (bias != nullptr ? bias[i] : 0.0f);
  if (config.n_groups > 1) keep_best_groups(config, scores);
  for (Choice& choice : chosen) {
    const size_t best = largest(scores);
    choice = {static_cast<uint32_t>(best), weights[best]};
    scores[best] = kTaken;
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const Choice& a, const Choice& b) { return a.expert < b.expert; });
  if (config.gating == RouterConfig::Gating::softmax_of_chosen) {
    for (size_t i = 0; i < chosen.size(); ++i) work[i] = chosen[i].weight;
    softmax({work.data(), chosen.size()});
    for (size_t i = 0; i < chosen.size(); ++i) chosen[i].weight = work[i];
  }
  float sum = 0;
  for (const Choice& choice : chosen) sum += choice.weight;
  // The least sum is the smallest normal F16, as the models were trained and others run them.
  const float factor = config.scale / (config.normalize ? std::max(sum, 0x1p-14f) : 1.0f);
  for (Choice& choice : chosen) choice.weight *= factor;
}

}  // namespace hearth::model
