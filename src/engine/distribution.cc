#include "engine/distribution.h"

#include <algorithm>
#include <cmath>

namespace hearth::engine {

Distribution::Distribution(std::span<const float> all) : logits(all) {
  top = static_cast<size_t>(std::max_element(all.begin(), all.end()) - all.begin());
  const auto best = static_cast<double>(all[top]);
  double sum = 0;
  for (const float logit : all) sum += std::exp(static_cast<double>(logit) - best);
  log_sum = std::log(sum) + best;
}

}  // namespace hearth::engine
