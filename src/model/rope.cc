#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hearth::model {
namespace {

// The pair that turns `turns` times in the original context, as a real number.
double pair_of_turns(const RopeConfig& rope, double turns) {
  const double wave = rope.original_context / (turns * 2 * std::numbers::pi);
  return static_cast<double>(rope.dims) * std::log(wave) / (2 * std::log(rope.base));
}

// How much of a pair's own speed it keeps.
double kept_share(const RopeConfig& rope, size_t pair) {
  const double low = std::max(0.0, std::floor(pair_of_turns(rope, rope.beta_fast)));
  const double high =
      std::min(static_cast<double>(rope.dims) - 1, std::ceil(pair_of_turns(rope, rope.beta_slow)));
  const double ramp = (static_cast<double>(pair) - low) / std::max(0.001, high - low);
  return 1 - std::clamp(ramp, 0.0, 1.0);
}

}  // namespace

std::vector<double> rope_frequencies(const RopeConfig& rope, size_t positions) {
  const bool beyond = static_cast<double>(positions) > rope.original_context;
  const float* divisors =
      beyond && rope.long_divisors != nullptr ? rope.long_divisors : rope.divisors;
  std::vector<double> frequencies(rope.dims / 2);
  for (size_t i = 0; i < std::min(frequencies.size(), rope.still_from); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(rope.dims);
    const double divisor = divisors != nullptr ? static_cast<double>(divisors[i]) : 1.0;
    const double own = std::pow(rope.base, exponent) / divisor;
    const double kept = rope.yarn ? kept_share(rope, i) : 0;
    frequencies[i] = own * (rope.scale * (1 - kept) + kept);
  }
  return frequencies;
}

void rope_angles(const RopeConfig& rope, const std::vector<double>& frequencies, size_t position,
                 float* out) {
  const size_t half = frequencies.size();
  const bool halves = rope.pairs == RopeConfig::Pairs::halves;
  for (size_t i = 0; i < half; ++i) {
    const double angle = static_cast<double>(position) * frequencies[i];
    const auto cosine = static_cast<float>(std::cos(angle) * rope.magnitude);
    const auto sine = static_cast<float>(std::sin(angle) * rope.magnitude);
    out[halves ? i : 2 * i] = cosine;
    out[halves ? half + i : 2 * i + 1] = sine;
  }
}

}  // namespace hearth::model
