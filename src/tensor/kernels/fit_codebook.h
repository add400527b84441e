// Fits groups whose weights are scale * sign * magnitude, the magnitudes of neighbours being a point
// of a codebook.
//
// For a given scale the best points are found exactly (split_points.h), so the search is one over
// scales alone: those of the groups when they may be any number, then a block's scale of which they
// are odd multiples, the multiples next to the best ones, and the block's scale solved once more.
#pragma once

#include <type_traits>

#include "tensor/codebook_parts.h"
#include "tensor/codebooks.h"
#include "tensor/fit.h"
#include "tensor/kernels/fit_blocks.h"
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
};
struct FormatIQ2_XS {
  static constexpr SplitPoints<4, 3, 512> kSplit{kIq2XsPoints};
  static constexpr const uint8_t (&kMagnitudes)[3] = kIq2Levels;
  static constexpr bool kEven = true;
  static constexpr int kGroup = 16;
  static constexpr float kUnit = 0.125f;
};
struct FormatIQ2_S {
  static constexpr SplitPoints<4, 3, 1024> kSplit{kIq2SPoints};
  static constexpr const uint8_t (&kMagnitudes)[3] = kIq2Levels;
  static constexpr bool kEven = false;
  static constexpr int kGroup = 16;
  static constexpr float kUnit = 0.125f;
};
struct FormatIQ3_XXS {
  static constexpr SplitPoints<2, 8, 256> kSplit{kIq3XxsPoints};
  static constexpr const uint8_t (&kMagnitudes)[8] = kIq3XxsLevels;
  static constexpr bool kEven = true;
  static constexpr int kGroup = 32;
  static constexpr float kUnit = 0.25f;
};
struct FormatIQ3_S {
  static constexpr SplitPoints<2, 8, 512> kSplit{kIq3SPoints};
  static constexpr const uint8_t (&kMagnitudes)[8] = kIq3SLevels;
  static constexpr bool kEven = false;
  static constexpr int kGroup = 32;
  static constexpr float kUnit = 1.0f;
};

// The points and signs that suit a scale, and weighted sums with the magnitudes they stand for.
template <int group>
struct Chosen {
  I points[group / 4];  // IQ2: every other one
  I flips[group / kRun];  // the weight of the run that takes the wrong sign, or -1
  F xm{};  // sum of w x magnitude
  F mm{};  // sum of w magnitude^2
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

  explicit PointGroups(const Groups<kGroup>& groups) {
    for (int j = 0; j < kGroup; ++j) {
      negative_[j] = groups.x[j] < all(0);
      x_[j] = absolute(groups.x[j]);
      w_[j] = groups.w[j];
      peak_ = larger(peak_, x_[j]);
    }
    for (int r = 0; r < kRuns; ++r) {
      odd_[r] = I{};
      for (int j = 0; j < kRun; ++j) odd_[r] ^= negative_[kRun * r + j];
    }
  }

  [[nodiscard]] F peak() const { return peak_; }

  // Weighted squared error with the best points, less the weighted squares of the weights.
  [[nodiscard]] F cost_at(F scale) const {
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
      I flipped = odd_[r];  // the point of the run that has a wrong sign, as a mask
      for (int p = 0; p < kPointsOfRun; ++p) {
        if (kPointsOfRun == 2) {
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

  // The signs of run r in lane l.
  [[nodiscard]] uint8_t signs(const Chosen<kGroup>& chosen, int r, int l) const {
    unsigned signs = 0;
    for (int j = 0; j < kRun; ++j) signs |= (negative_[kRun * r + j][l] & 1u) << j;
    if (Format::kEven && chosen.flips[r][l] >= 0) signs ^= 1u << chosen.flips[r][l];
    return static_cast<uint8_t>(signs);
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

  [[nodiscard]] Costs costs_of(int first, F scale) const {
    HalfCosts<Split> lower, upper;
    price(first, scale, lower, upper);
    return least_costs<Format::kEven>(Format::kSplit, lower, upper);
  }

  // The wrong sign goes where it costs least.
  void add_point(int run, int p, I flipped, Chosen<kGroup>& chosen) const {
    I levels{};
    const I& point = chosen.points[run / kPoint + p];
    for (int l = 0; l < kLanes; ++l) levels[l] = Format::kSplit.points[static_cast<size_t>(point[l])];
    I& flip = chosen.flips[run / kRun];
    if (p == 0) flip = I{} - 1;
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
      flip = better ? I{} + j : flip;
    }
    if (Format::kEven) chosen.xm -= choose(flipped, 2.0f * least, all(0));
  }

  F x_[kGroup];  // magnitudes
  F w_[kGroup];
  I negative_[kGroup];
  I odd_[kRuns];  // whether the number of negative weights is odd
  F peak_{};
};

// A block's scale d, the odd multiples of it that its groups have, and their costs.
struct MultiplesFit {
  F d{};
  F multiple{};
  F cost{};  // of each block, in all of its lanes
};

template <class Problem, int lanes_of_block, int most>
class MultiplesSearch {
 public:
  MultiplesSearch(const Problem& problem, float unit) : problem_(problem), unit_(unit) {}

  [[nodiscard]] MultiplesFit run() const {
    F curvature;
    const F scales = free_scale(curvature);
    MultiplesFit best;
    F ds[kCandidates];
    likely(scales, curvature, ds);
    for (int k = 0; k < kCandidates; ++k)
      take(multiples(ds[k], ratio(scales, ds[k] * unit_)), k == 0, best);
    for (int step = 0; step < kSteps; ++step) {
      const F d = solve(best);
      take(multiples(d, best.multiple * ratio(best.d, d)), false, best);
    }
    return best;
  }

 private:
  static constexpr int kCandidates = 2;
  static constexpr int kSteps = 2;
  static constexpr int kStarts = 12;

  static F odd(F a) {
    return smaller(larger(2.0f * whole(0.5f * a - 0.5f) + 1.0f, all(1)), all(most));
  }

  static void take(const MultiplesFit& fit, bool first, MultiplesFit& best) {
    const I better = first ? I{} - 1 : I(fit.cost < best.cost);
    best.d = choose(better, fit.d, best.d);
    best.multiple = choose(better, fit.multiple, best.multiple);
    best.cost = choose(better, fit.cost, best.cost);
  }

  // The best scale of each group when it may be any number. From there on an error grows with the
  // square of a change, times `curvature`.
  F free_scale(F& curvature) const {
    const F per_top = problem_.peak() / Problem::kTop;
    F best = all(__builtin_inff());
    F scale{};
    for (int k = 0; k < kStarts; ++k) {
      const float stretch = kStretchLow + (kStretchHigh - kStretchLow) * static_cast<float>(k) / (kStarts - 1);
      const F s = per_top * stretch;
      const F cost = problem_.cost_at(s);
      const I better = cost < best;
      best = choose(better, cost, best);
      scale = choose(better, s, scale);
    }
    for (int step = 0; step < kSolves; ++step) {
      const auto chosen = problem_.choose_at(scale);
      curvature = chosen.mm;
      scale = ratio(chosen.xm, chosen.mm);
    }
    return scale;
  }
  static constexpr float kStretchLow = 0.5f;
  static constexpr float kStretchHigh = 1.15f;
  static constexpr int kSolves = 1;

  // The block scales of which the free scales are nearest to odd multiples.
  void likely(F scales, F curvature, F (&ds)[kCandidates]) const {
    const F peak = absolute(peak_of_block<lanes_of_block>(scales)) / unit_;
    F costs[kCandidates];
    for (int k = 0; k < kCandidates; ++k) {
      costs[k] = all(__builtin_inff());
      ds[k] = F{};
    }
    for (int k = 0; k < kTries; ++k) {
      const float last = static_cast<float>(most) + 1.0f - (static_cast<float>(k) + 0.5f) * kTryStep;
      if (last < 1) break;
      F d = halves(peak / last);
      const F inverse = ratio(all(1), d * unit_);
      const F off = scales - d * unit_ * odd(scales * inverse);
      F cost = sum_of_block<lanes_of_block>(curvature * off * off);
      for (int c = 0; c < kCandidates; ++c) {
        const I better = cost < costs[c];
        const F worse = choose(better, costs[c], cost);
        const F other = choose(better, ds[c], d);
        costs[c] = choose(better, cost, costs[c]);
        ds[c] = choose(better, d, ds[c]);
        cost = worse;
        d = other;
      }
    }
  }
  static constexpr int kTries = 64;
  static constexpr float kTryStep = 0.25f;

  // The best multiples near given ones.
  [[nodiscard]] MultiplesFit multiples(F d, F near) const {
    MultiplesFit fit;
    fit.d = d;
    fit.multiple = odd(near);
    const F center = fit.multiple;
    const F scale = d * unit_;
    F best = problem_.cost_at(scale * center);
    for (const float step : {-2.0f, 2.0f}) {
      const F other = smaller(larger(center + step, all(1)), all(most));
      const F cost = problem_.cost_at(scale * other);
      const I better = cost < best;
      best = choose(better, cost, best);
      fit.multiple = choose(better, other, fit.multiple);
    }
    fit.cost = sum_of_block<lanes_of_block>(best);
    return fit;
  }

  // The d that suits the multiples and the points that they choose.
  [[nodiscard]] F solve(const MultiplesFit& fit) const {
    const auto chosen = problem_.choose_at(fit.d * unit_ * fit.multiple);
    const F along = sum_of_block<lanes_of_block>(chosen.xm * fit.multiple);
    const F across = sum_of_block<lanes_of_block>(chosen.mm * fit.multiple * fit.multiple);
    return halves(ratio(along, across) / unit_);
  }

  const Problem& problem_;
  float unit_;
};

template <class Format>
void fit_points(const CodebookArgs& args) {
  using Problem = PointGroups<Format>;
  constexpr int kGroups = 256 / Format::kGroup;
  using Lanes = BlockLanes<Format::kGroup, kGroups>;
  for (size_t first = 0; first < args.blocks; first += Lanes::kBlocks) {
    const Problem problem(Lanes::load(args, first));
    const MultiplesFit fit =
        MultiplesSearch<Problem, kGroups, 31>(problem, Format::kUnit).run();
    const auto chosen = problem.choose_at(fit.d * Format::kUnit * fit.multiple);
    for (int l = 0; l < kLanes; ++l) {
      const size_t block = first + static_cast<size_t>(l / kGroups);
      if (block >= args.blocks) break;
      CodebookParts& parts = args.out[block];
      const int g = l % kGroups;
      parts.d = f32_to_f16(fit.d[l]);
      parts.scales[g] = static_cast<uint8_t>(static_cast<int>(fit.multiple[l]) / 2);
      constexpr int kPoints = Format::kGroup / Problem::kPoint;
      for (int p = 0; p < kPoints; ++p)
        parts.points[g * kPoints + p] = static_cast<uint16_t>(chosen.points[p][l]);
      for (int r = 0; r < Problem::kRuns; ++r)
        parts.signs[g * Problem::kRuns + r] = problem.signs(chosen, r, l);
    }
  }
}

void fit_codebook(DType type, const CodebookArgs& args) {
  switch (type) {
    case DType::IQ2_XXS:
      return fit_points<FormatIQ2_XXS>(args);
    case DType::IQ2_XS:
      return fit_points<FormatIQ2_XS>(args);
    case DType::IQ2_S:
      return fit_points<FormatIQ2_S>(args);
    case DType::IQ3_XXS:
      return fit_points<FormatIQ3_XXS>(args);
    case DType::IQ3_S:
      return fit_points<FormatIQ3_S>(args);
    default:
      return;
  }
}

}  // namespace
}  // namespace hearth
