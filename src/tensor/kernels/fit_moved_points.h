// Fits groups whose weights are scale * (-1, 0 or 1, moved by an eighth up or down): the points of
// IQ1. The eighth moves all weights of a group (IQ1_S) or of a run of eight (IQ1_M) the same way.
#pragma once

#include <type_traits>

#include "tensor/codebook_parts.h"
#include "tensor/codebooks.h"
#include "tensor/kernels/split_points.h"

namespace hearth {
namespace {

struct FormatIQ1_S {
  static constexpr SplitPoints<4, 3, 2048> kSplit{kIq1Points};
  static constexpr int kGroup = 32;
  static constexpr int kMovedTogether = 32;
  static constexpr float kUnit = 1.0f;
  static constexpr int kMost = 15;
};
struct FormatIQ1_M {
  static constexpr SplitPoints<4, 3, 2048> kSplit{kIq1Points};
  static constexpr int kGroup = 16;
  static constexpr int kMovedTogether = 8;
  static constexpr float kUnit = 1.0f;
  static constexpr int kMost = 15;
};

template <class Format>
class MovedGroups {
 public:
  static constexpr int kGroup = Format::kGroup;
  static constexpr int kRuns = kGroup / kRun;
  static constexpr int kPoint = kRun;
  static constexpr float kTop = 1.125f;
  static constexpr float kBelowTop[] = {0.875f};
  static constexpr float kStretchLow = 0.25f;
  static constexpr float kStretchHigh = 1.0f;
  using Split = std::remove_cvref_t<decltype(Format::kSplit)>;

  explicit MovedGroups(const Groups<kGroup>& groups) : g_(groups) {
    for (int j = 0; j < kGroup; ++j) peak_ = larger(peak_, absolute(g_.x[j]));
  }

  [[nodiscard]] F peak() const { return peak_; }

  [[nodiscard]] F squares() const {
    F sum{};
    for (int j = 0; j < kGroup; ++j) sum += g_.w[j] * g_.x[j] * g_.x[j];
    return sum;
  }

  void stretch(F by) {
    for (int j = 0; j < kGroup; ++j) g_.x[j] *= by;
    peak_ *= by;
  }

  [[nodiscard]] F cost_at(F scale) const {
    F sum{};
    for (int first = 0; first < kGroup; first += Format::kMovedTogether) {
      F up{}, down{};
      for (int j = first; j < first + Format::kMovedTogether; j += kRun) {
        up += cost_of(j, scale, 0.125f);
        down += cost_of(j, scale, -0.125f);
      }
      sum += smaller(up, down);
    }
    return sum * scale;
  }

  [[nodiscard]] Chosen<kGroup> choose_at(F scale) const {
    Chosen<kGroup> chosen;
    constexpr int kTogether = Format::kMovedTogether / kRun;
    for (int first = 0; first < kRuns; first += kTogether) {
      I ups[kTogether], downs[kTogether];
      F up{}, down{};
      for (int r = 0; r < kTogether; ++r) {
        up += best_of(kRun * (first + r), scale, 0.125f, ups[r]);
        down += best_of(kRun * (first + r), scale, -0.125f, downs[r]);
      }
      const I lower = down < up;
      for (int r = 0; r < kTogether; ++r) {
        chosen.points[first + r] = lower ? downs[r] : ups[r];
        chosen.signs[first + r] = lower & 255;
        add_point(first + r, choose(lower, all(-0.125f), all(0.125f)), chosen);
      }
    }
    return chosen;
  }

 private:
  void price(int first, F scale, float moved, HalfCosts<Split>& lower,
             HalfCosts<Split>& upper) const {
    LevelCosts<3> costs[kRun];
    for (int j = 0; j < kRun; ++j) {
      for (int l = 0; l < 3; ++l) {
        const float value = static_cast<float>(l - 1) + moved;
        costs[j].plain[l] = g_.w[first + j] * value * (scale * value - 2.0f * g_.x[first + j]);
      }
    }
    price_halves<false, Split>(costs, lower);
    price_halves<false, Split>(costs + Split::kHalf, upper);
  }

  [[nodiscard]] __attribute__((noinline)) F cost_of(int first, F scale, float moved) const {
    HalfCosts<Split> lower, upper;
    price(first, scale, moved, lower, upper);
    return least_costs<Format, false>(lower, upper,
                                      std::make_integer_sequence<int, Split::kHalves>{})
        .plain;
  }

  [[nodiscard]] __attribute__((noinline)) F best_of(int first, F scale, float moved,
                                                    I& point) const {
    HalfCosts<Split> lower, upper;
    price(first, scale, moved, lower, upper);
    const Best best = best_points<false>(Format::kSplit, lower, upper);
    point = best.plain;
    return best.cost.plain;
  }

  void add_point(int run, F moved, Chosen<kGroup>& chosen) const {
    I levels = words_of(Format::kSplit, chosen.points[run]);
    for (int j = kRun * run; j < kRun * (run + 1); ++j, levels >>= Split::kBits) {
      const F value = __builtin_convertvector((levels & 3) - 1, F) + moved;
      const F wv = g_.w[j] * value;
      chosen.xm += wv * g_.x[j];
      chosen.mm += wv * value;
    }
  }

  Groups<kGroup> g_;
  F peak_{};
};

}  // namespace
}  // namespace hearth
