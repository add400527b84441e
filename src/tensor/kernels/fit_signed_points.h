// Groups whose weights are scale * sign * magnitude, the magnitudes of neighbours being a point of
// a codebook: IQ2 and IQ3. For a given scale the best points and signs are found exactly.
#pragma once

#include <type_traits>

#include "tensor/codebooks.h"
#include "tensor/kernels/split_points.h"

namespace hearth {
namespace {

// A format: list, magnitudes, whether the number of negative weights in a run is even, weights that
// share a scale, what of the block's scale is the unit of the odd multiples, and the greatest one.
struct FormatIQ2_XXS {
  static constexpr SplitPoints<4, 3, 256> kSplit{kIq2XxsPoints};
  static constexpr const uint8_t (&kMagnitudes)[3] = kIq2Levels;
  static constexpr bool kEven = true;
  static constexpr int kGroup = 32;
  static constexpr float kUnit = 0.125f;
  static constexpr int kMost = 31;
};
struct FormatIQ2_XS {
  static constexpr SplitPoints<4, 3, 512> kSplit{kIq2XsPoints};
  static constexpr const uint8_t (&kMagnitudes)[3] = kIq2Levels;
  static constexpr bool kEven = true;
  static constexpr int kGroup = 16;
  static constexpr float kUnit = 0.125f;
  static constexpr int kMost = 31;
};
struct FormatIQ2_S {
  static constexpr SplitPoints<4, 3, 1024> kSplit{kIq2SPoints};
  static constexpr const uint8_t (&kMagnitudes)[3] = kIq2Levels;
  static constexpr bool kEven = false;
  static constexpr int kGroup = 16;
  static constexpr float kUnit = 0.125f;
  static constexpr int kMost = 31;
};
struct FormatIQ3_XXS {
  static constexpr SplitPoints<2, 8, 256> kSplit{kIq3XxsPoints};
  static constexpr const uint8_t (&kMagnitudes)[8] = kIq3XxsLevels;
  static constexpr bool kEven = true;
  static constexpr int kGroup = 32;
  static constexpr float kUnit = 0.25f;
  static constexpr int kMost = 31;
};
struct FormatIQ3_S {
  static constexpr SplitPoints<2, 8, 512> kSplit{kIq3SPoints};
  static constexpr const uint8_t (&kMagnitudes)[8] = kIq3SLevels;
  static constexpr bool kEven = false;
  static constexpr int kGroup = 32;
  static constexpr float kUnit = 1.0f;
  static constexpr int kMost = 31;
};

template <class Format>
class PointGroups {
 public:
  static constexpr int kGroup = Format::kGroup;
  static constexpr int kRuns = kGroup / kRun;
  using Split = std::remove_cvref_t<decltype(Format::kSplit)>;
  static constexpr int kPoint = 2 * Split::kHalf;  // weights of a point
  static constexpr int kPointsOfRun = kRun / kPoint;
  static constexpr int kLevels = Split::kLevels;
  static constexpr float kTop = Format::kMagnitudes[kLevels - 1];
  static constexpr float kBelowTop[] = {Format::kMagnitudes[kLevels - 2],
                                        Format::kMagnitudes[kLevels - 3]};
  static constexpr float kStretchLow = kLevels == 3 ? 0.5f : 0.7f;
  static constexpr float kStretchHigh = kLevels == 3 ? 1.1f : 1.06f;

  explicit PointGroups(const Groups<kGroup>& groups) {
    for (int j = 0; j < kGroup; ++j) {
      x_[j] = absolute(groups.x[j]);
      w_[j] = groups.w[j];
      peak_ = larger(peak_, x_[j]);
    }
    for (int r = 0; r < kRuns; ++r) {
      signs_[r] = odd_[r] = I{};
      for (int j = 0; j < kRun; ++j) {
        const I negative = groups.x[kRun * r + j] < all(0);
        signs_[r] |= negative & (1 << j);
        odd_[r] ^= negative;
      }
    }
  }

  [[nodiscard]] F peak() const { return peak_; }

  [[nodiscard]] F squares() const {
    F sum{};
    for (int j = 0; j < kGroup; ++j) sum += w_[j] * x_[j] * x_[j];
    return sum;
  }

  void stretch(F by) {
    for (F& x : x_) x *= by;
    peak_ *= by;
  }

  // Weighted squared error with the best points, less the weighted squares of the weights.
  [[nodiscard]] __attribute__((noinline)) F cost_at(F scale) const {
    F sum{};
    for (int r = 0; r < kRuns; ++r) {
      Costs costs = costs_of(kRun * r, scale);
      if constexpr (kPointsOfRun == 2) {
        const Costs second = costs_of(kRun * r + kPoint, scale);
        costs.flipped = smaller(costs.flipped + second.plain, costs.plain + second.flipped);
        costs.plain += second.plain;
      }
      sum += Format::kEven ? choose(odd_[r], costs.flipped, costs.plain) : costs.plain;
    }
    return sum * scale;
  }

  [[nodiscard]] Chosen<kGroup> choose_at(F scale) const {
    Chosen<kGroup> chosen;
    for (int r = 0; r < kRuns; ++r) {
      Best best[kPointsOfRun];
      for (int p = 0; p < kPointsOfRun; ++p) {
        HalfCosts<Split> lower, upper;
        price(kRun * r + p * kPoint, scale, lower, upper);
        best[p] = best_points<Format::kEven>(Format::kSplit, lower, upper);
      }
      chosen.signs[r] = signs_[r];
      I flipped = odd_[r];  // the point of the run that has a wrong sign, as a mask
      for (int p = 0; p < kPointsOfRun; ++p) {
        if constexpr (kPointsOfRun == 2) {
          const I first = best[0].cost.flipped + best[1].cost.plain <=
                          best[0].cost.plain + best[1].cost.flipped;
          flipped = odd_[r] & (p == 0 ? first : ~first);
        }
        chosen.points[r * kPointsOfRun + p] =
            Format::kEven ? (flipped ? best[p].flipped : best[p].plain) : best[p].plain;
        add_point(kRun * r, p, flipped, chosen);
      }
    }
    return chosen;
  }

 private:
  void price(int first, F scale, HalfCosts<Split>& lower, HalfCosts<Split>& upper) const {
    LevelCosts<kLevels> costs[kPoint];
    for (int j = 0; j < kPoint; ++j) {
      const F twice = 2.0f * x_[first + j];
      for (int l = 0; l < kLevels; ++l) {
        const float magnitude = Format::kMagnitudes[l];
        const F wm = w_[first + j] * magnitude;
        const F value = scale * magnitude;
        costs[j].plain[l] = wm * (value - twice);
        costs[j].flipped[l] = wm * (value + twice);
      }
    }
    price_halves<Format::kEven, Split>(costs, lower);
    price_halves<Format::kEven, Split>(costs + Split::kHalf, upper);
  }

  [[nodiscard]] __attribute__((noinline)) Costs costs_of(int first, F scale) const {
    HalfCosts<Split> lower, upper;
    price(first, scale, lower, upper);
    return least_costs<Format, Format::kEven>(lower, upper,
                                              std::make_integer_sequence<int, Split::kHalves>{});
  }

  // The wrong sign goes where it costs least.
  void add_point(int run, int p, I flipped, Chosen<kGroup>& chosen) const {
    I levels = words_of(Format::kSplit, chosen.points[run / kPoint + p]);
    I flip{};
    F least = all(__builtin_inff());
    for (int j = p * kPoint; j < (p + 1) * kPoint; ++j, levels >>= Split::kBits) {
      const I level = levels & ((1 << Split::kBits) - 1);
      F magnitude = all(Format::kMagnitudes[0]);
      for (int l = 1; l < kLevels; ++l)
        magnitude = choose(level == l, all(Format::kMagnitudes[l]), magnitude);
      const F wm = w_[run + j] * magnitude;
      const F xm = wm * x_[run + j];
      chosen.xm += xm;
      chosen.mm += wm * magnitude;
      if (!Format::kEven) continue;
      const I better = flipped & (xm < least);
      least = choose(better, xm, least);
      flip = better ? I{} + (1 << j) : flip;
    }
    chosen.signs[run / kRun] ^= flip;
    if (Format::kEven) chosen.xm -= choose(flipped, 2.0f * least, all(0));
  }

  F x_[kGroup];  // magnitudes
  F w_[kGroup];
  I signs_[kRuns];
  I odd_[kRuns];  // whether the number of negative weights is odd
  F peak_{};
};

}  // namespace
}  // namespace hearth
