#include "sample/chances.h"

#include <algorithm>
#include <cmath>

namespace hearth::sample {

ChanceTable::ChanceTable(std::span<const float> logits, size_t count)
    : logits_(logits.begin(), logits.end()) {
  float most = -INFINITY;
  for (const float logit : logits_) most = std::max(most, logit);
  double total = 0;
  for (const float logit : logits_) total += std::exp(static_cast<double>(logit - most));
  log_total_ = most + static_cast<float>(std::log(total));
  best_.resize(std::min(count, logits_.size()));
  if (best_.empty()) return;
  std::vector<text::Token> order(logits_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<text::Token>(i);
  const auto likelier = [&](text::Token a, text::Token b) {
    const float x = logits_[static_cast<size_t>(a)];
    const float y = logits_[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(best_.size()),
                    order.end(), likelier);
  for (size_t i = 0; i < best_.size(); ++i) best_[i] = of_token(order[i]);
}

Chance ChanceTable::of_token(text::Token token) const {
  return {token, logits_[static_cast<size_t>(token)] - log_total_};
}

}  // namespace hearth::sample
