// Finds a block's scale and the odd multiples of it that its groups have, where only scales need to
// be searched: a problem knows what the best points for a scale cost.
#pragma once

#include "tensor/kernels/fit_lanes.h"

namespace hearth {
namespace {

// A block's scale d, the odd multiples of it that its groups have, and their costs.
struct MultiplesFit {
  F d{};
  F multiple{};
  F cost{};  // of each block, in all of its lanes
};

// A Problem has peak(), squares() and stretch() of its weights, cost_at(scale) and
// choose_at(scale). Its largest weight is brought to kTop, the largest magnitude of a point, by a
// scale from which shares of kStretchLow to kStretchHigh are tried; or to one of kBelowTop.
template <class Problem, int lanes_of_block, int most>
class MultiplesSearch {
 public:
  MultiplesSearch(Problem& problem, float unit) : problem_(problem), unit_(unit) {}

  // Stretches the problem's weights.
  [[nodiscard]] MultiplesFit run() {
    const FreeScale free = free_scale();
    F ds[kCandidates] = {};  // zeros stay where sums of squares overflow
    likely(free, ds);
    MultiplesFit best;
    best.cost = all(__builtin_inff());
    for (const F d : ds) take(multiples(d, ratio(free.scale, d * unit_)), best);
    const F d = solve(best);
    take(multiples(d, best.multiple * ratio(best.d, d)), best);
    return best;
  }

 private:
  static constexpr int kStarts = 10;
  static constexpr int kCandidates = 2;

  struct FreeScale {
    F scale{};
    F curvature{};  // by this times the square of a change the error grows
  };

  static F odd(F a) {
    return smaller(larger(2.0f * whole(0.5f * a - 0.5f) + 1.0f, all(1)), all(most));
  }

  static void take(const MultiplesFit& fit, MultiplesFit& best) {
    const I better = fit.cost < best.cost;
    best.d = choose(better, fit.d, best.d);
    best.multiple = choose(better, fit.multiple, best.multiple);
    best.cost = choose(better, fit.cost, best.cost);
  }

  // The best scale of each group when it may be any number.
  FreeScale free_scale() {
    const F per_top = problem_.peak() / Problem::kTop;
    F best = all(__builtin_inff());
    F scale{};
    const auto attempt = [&](float stretch) {
      const F start = per_top * stretch;
      const F cost = problem_.cost_at(start);
      const I better = cost < best;
      best = choose(better, cost, best);
      scale = choose(better, start, scale);
    };
    constexpr float kStep = (Problem::kStretchHigh - Problem::kStretchLow) / (kStarts - 1);
    for (int k = 0; k < kStarts; ++k) attempt(Problem::kStretchLow + kStep * static_cast<float>(k));
    for (const float below : Problem::kBelowTop) attempt(Problem::kTop / below);
    const auto chosen = problem_.choose_at(scale);
    const F solved = ratio(chosen.xm, chosen.mm);
    const F shrunk = ratio(sum_of_block<lanes_of_block>(solved * chosen.xm),
                           sum_of_block<lanes_of_block>(problem_.squares()));
    const F longer = lengthening(shrunk);
    problem_.stretch(longer);
    return {solved * longer, chosen.mm};
  }

  // The block scales of which the free scales are nearest to odd multiples.
  void likely(const FreeScale& free, F (&ds)[kCandidates]) const {
    constexpr float kStep = 0.25f;
    const F peak = peak_of_block<lanes_of_block>(free.scale) / unit_;
    F costs[kCandidates];
    for (F& cost : costs) cost = all(__builtin_inff());
    for (float last = most + 1 - kStep; last > most / 2; last -= kStep) {
      F d = halves(peak / last);
      const F off = free.scale - d * unit_ * odd(ratio(free.scale, d * unit_));
      F cost = sum_of_block<lanes_of_block>(free.curvature * off * off);
      for (int k = 0; k < kCandidates; ++k) {
        const I better = cost < costs[k];
        const F other_cost = choose(better, costs[k], cost);
        const F other = choose(better, ds[k], d);
        costs[k] = choose(better, cost, costs[k]);
        ds[k] = choose(better, d, ds[k]);
        cost = other_cost;
        d = other;
      }
    }
  }

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

  Problem& problem_;
  float unit_;
};

}  // namespace
}  // namespace hearth
