#include "quantize/allocation.h"

#include <algorithm>

namespace hearth::quantize {
namespace {

using Options = std::span<const std::vector<FormatOption>>;
using Choice = std::vector<size_t>;

uint64_t bytes_of(Options tensors, const Choice& choice) {
  uint64_t bytes = 0;
  for (size_t t = 0; t < tensors.size(); ++t) bytes += tensors[t][choice[t]].bytes;
  return bytes;
}

// What is best when each byte costs `price`.
Choice best_at(Options tensors, double price) {
  Choice choice;
  for (const std::vector<FormatOption>& options : tensors) {
    const auto cost = [&](const FormatOption& option) {
      return option.damage + price * static_cast<double>(option.bytes);
    };
    size_t best = 0;
    for (size_t i = 1; i < options.size(); ++i) {
      if (cost(options[i]) < cost(options[best])) best = i;
    }
    choice.push_back(best);
  }
  return choice;
}

Choice smallest(Options tensors) {
  Choice choice;
  for (const std::vector<FormatOption>& options : tensors) {
    size_t best = 0;
    for (size_t i = 1; i < options.size(); ++i) {
      if (options[i].bytes < options[best].bytes) best = i;
    }
    choice.push_back(best);
  }
  return choice;
}

// The one change that lowers the damage most for what it takes of the bytes that are left.
bool take_a_step(Options tensors, uint64_t left, Choice& choice) {
  double best = 0;
  size_t tensor = 0, option = 0;
  for (size_t t = 0; t < tensors.size(); ++t) {
    const FormatOption& now = tensors[t][choice[t]];
    for (size_t i = 0; i < tensors[t].size(); ++i) {
      const FormatOption& other = tensors[t][i];
      const double gain = now.damage - other.damage;
      if (gain <= 0 || other.bytes > now.bytes + left) continue;
      const double bytes =
          other.bytes > now.bytes ? static_cast<double>(other.bytes - now.bytes) : 1;
      if (gain / bytes <= best) continue;
      best = gain / bytes;
      tensor = t;
      option = i;
    }
  }
  if (best <= 0) return false;
  choice[tensor] = option;
  return true;
}

// One tensor gets more, another one less.
bool exchange(Options tensors, uint64_t left, Choice& choice) {
  for (size_t a = 0; a < tensors.size(); ++a) {
    for (size_t i = 0; i < tensors[a].size(); ++i) {
      const FormatOption& from = tensors[a][choice[a]];
      const FormatOption& to = tensors[a][i];
      if (to.damage >= from.damage || to.bytes <= from.bytes + left) continue;
      const uint64_t missing = to.bytes - from.bytes - left;
      double best = from.damage - to.damage;
      size_t tensor = SIZE_MAX, option = 0;
      for (size_t b = 0; b < tensors.size(); ++b) {
        const FormatOption& now = tensors[b][choice[b]];
        for (size_t j = 0; b != a && j < tensors[b].size(); ++j) {
          const FormatOption& less = tensors[b][j];
          if (less.bytes + missing > now.bytes || less.damage - now.damage >= best) continue;
          best = less.damage - now.damage;
          tensor = b;
          option = j;
        }
      }
      if (tensor == SIZE_MAX) continue;
      choice[a] = i;
      choice[tensor] = option;
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<std::vector<size_t>> allocate(Options tensors, uint64_t budget) {
  Choice choice = smallest(tensors);
  if (bytes_of(tensors, choice) > budget) return std::nullopt;
  // Prices between what buys everything and what buys nothing.
  double low = 0, high = 1;
  while (bytes_of(tensors, best_at(tensors, high)) > budget && high < 1e30) high *= 4;
  for (int step = 0; step < 200; ++step) {
    const double price = 0.5 * (low + high);
    (bytes_of(tensors, best_at(tensors, price)) > budget ? low : high) = price;
  }
  const Choice bound = best_at(tensors, high);
  if (bytes_of(tensors, bound) <= budget) choice = bound;
  // Each step lowers the damage, so this ends.
  constexpr int kMostSteps = 100'000;
  for (int step = 0; step < kMostSteps; ++step) {
    const uint64_t left = budget - bytes_of(tensors, choice);
    if (!take_a_step(tensors, left, choice) && !exchange(tensors, left, choice)) break;
  }
  return choice;
}

}  // namespace hearth::quantize
