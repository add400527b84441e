// Chooses one of several formats for each tensor so that the damage is least under a budget of
// bytes: a knapsack with one choice from each class.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hearth::quantize {

struct FormatOption {
  uint64_t bytes = 0;
  double damage = 0;  // any unit that adds up: nats of KL divergence
};

// The index of an option for each tensor; nullopt when even the smallest ones take more than
// `budget`. A bound by Lagrange's multiplier is made use of to the last byte by single steps and
// exchanges. Equal inputs give equal choices.
[[nodiscard]] std::optional<std::vector<size_t>> allocate(
    std::span<const std::vector<FormatOption>> tensors, uint64_t budget);

}  // namespace hearth::quantize
