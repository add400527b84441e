// Fits groups whose weights are scale * level: whole numbers in a range (Whole), two signs
// (Binary), the sixteen of IQ4 (Sixteen) or of FP4 (Float4).
//
// For a given scale the best quants are the nearest ones, and for given quants the best scale is a
// quotient, so the search is one over the scale alone: many starting points, then the two steps in
// turn until nothing changes. Scales that are whole multiples of a block's scale are then tried one
// step up and down, and the block's scale is solved once more for what they chose.
#pragma once

#include "tensor/codebooks.h"
#include "tensor/kernels/fit_lanes.h"

namespace hearth {
namespace {

template <int low, int high>
struct Whole {
  static constexpr float kLow = low;
  static constexpr float kHigh = high;
  // The level nearest to a value in units of the scale.
  static F nearest(F value) { return whole(smaller(larger(value, all(kLow)), all(kHigh))); }
  static int quant_of(float level) { return static_cast<int>(level) - low; }
};
template <int quants>
using Uniform = Whole<-quants / 2, quants / 2 - 1>;

struct Binary {
  static constexpr float kLow = -1;
  static constexpr float kHigh = 1;
  static F nearest(F value) { return choose(value < all(0), all(-1), all(1)); }
  static int quant_of(float level) { return level > 0 ? 1 : 0; }
};

// The sixteen numbers of FP4, doubled.
struct Float4 {
  static F nearest(F value) {
    const F size = absolute(value);
    F level{};
    for (int k = 1; k < 8; ++k) {
      const float middle = 0.5f * static_cast<float>(kFp4Values[k - 1] + kFp4Values[k]);
      level = choose(size > all(middle), all(kFp4Values[k]), level);
    }
    return choose(value < all(0), -level, level);
  }
  static int quant_of(float level) {
    for (int k = 0; k < 16; ++k) {
      if (static_cast<float>(kFp4Values[k]) == level) return k;
    }
    return 0;
  }
};

struct Sixteen {
  static constexpr float kLow = -127;
  static constexpr float kHigh = 113;
  static F nearest(F value) {
    F level = all(kIq4Values[0]);
    for (int k = 1; k < 16; ++k) {
      const float middle = 0.5f * static_cast<float>(kIq4Values[k - 1] + kIq4Values[k]);
      level = choose(value > all(middle), all(kIq4Values[k]), level);
    }
    return level;
  }
  static int quant_of(float level) {
    for (int k = 0; k < 16; ++k) {
      if (static_cast<float>(kIq4Values[k]) == level) return k;
    }
    return 0;
  }
};

// Weighted products with the levels that an inverse scale gives.
struct Products {
  F xl{};  // sum of w x level
  F ll{};  // sum of w level^2
};

template <class Levels, int group>
Products products(const Groups<group>& g, F inverse) {
  Products p;
  for (int j = 0; j < group; ++j) {
    const F level = Levels::nearest(g.x[j] * inverse);
    const F wl = g.w[j] * level;
    p.xl += wl * g.x[j];
    p.ll += wl * level;
  }
  return p;
}

// How much of the weighted squares a best scale explains; the rest is the error.
inline F explained(const Products& p) { return ratio(p.xl * p.xl, p.ll); }

// So few that what is nearest is much shorter than the weights.
template <class Levels>
constexpr bool few_levels() {
  return Levels::kHigh - Levels::kLow < 4;
}

// Where a search for a scale starts: what a group's largest weight is in units of the outermost
// levels goes from center - spread to center + spread.
struct Starts {
  int count = 0;
  float spread = 0;
  float center = 1;
};

// The best scale of each group when it may be any number.
template <class Levels, int group>
F free_scale(const Groups<group>& g, const Starts& starts) {
  F peak{};
  for (int j = 0; j < group; ++j) peak = choose(absolute(g.x[j]) > absolute(peak), g.x[j], peak);
  const F per_peak = ratio(all(1), peak);
  F best = all(-1);
  F scale{};
  const auto attempt = [&](F inverse) {
    const Products p = products<Levels>(g, inverse);
    const F found = explained(p);
    const I better = found > best;
    best = choose(better, found, best);
    scale = choose(better, ratio(p.xl, p.ll), scale);
  };
  // The peak may stand at either end of the levels, or beyond it.
  for (int k = 0; k < starts.count; ++k) {
    const float stretch =
        starts.center +
        starts.spread * (static_cast<float>(2 * k) / static_cast<float>(starts.count - 1) - 1);
    attempt(per_peak * all(Levels::kLow * stretch));
    attempt(per_peak * all(Levels::kHigh * stretch));
  }
  // A weight that counts more than all others may be too small to be seen from there.
  if (few_levels<Levels>()) {
    F most{};
    F heavy{};
    for (int j = 0; j < group; ++j) {
      const F counts = g.w[j] * g.x[j] * g.x[j];
      heavy = choose(counts > most, g.x[j], heavy);
      most = larger(most, counts);
    }
    attempt(ratio(all(1), heavy));
    attempt(ratio(all(-1), heavy));
  }
  for (int step = 0; step < 2; ++step) attempt(ratio(all(1), scale));
  return scale;
}

// Makes weights and their scale longer by what the nearest levels lose in length (fit_multiples.h
// has the reason).
template <class Levels, int group>
void lengthen(Groups<group>& g, F& scale) {
  const Products p = products<Levels>(g, ratio(all(1), scale));
  F squares{};
  for (int j = 0; j < group; ++j) squares += g.w[j] * g.x[j] * g.x[j];
  const F shrunk = ratio(scale * p.xl, squares);
  const F longer = lengthening(shrunk);
  for (F& x : g.x) x *= longer;
  scale *= longer;
}

// Weighted squared error with the nearest levels.
template <class Levels, int group>
F error_at(const Groups<group>& g, F scale) {
  const F inverse = ratio(all(1), scale);
  F error{};
  for (int j = 0; j < group; ++j) {
    const F rest = g.x[j] - scale * Levels::nearest(g.x[j] * inverse);
    error += g.w[j] * rest * rest;
  }
  return error;
}

// A block's scale d, the whole multiples of it that its groups have, and their errors.
struct SignedFit {
  F d{};
  F multiple{};
  F error{};  // of each block, in all of its lanes
};

template <class Levels, int group, int lanes_of_block, int low, int high>
struct SignedSearch {
  const Groups<group>& g;

  // The best multiples near those that bring d closest to the free scales.
  SignedFit multiples(F d, F near) const {
    SignedFit fit;
    fit.d = d;
    const F center = smaller(larger(whole(near), all(low)), all(high));
    F best = error_at<Levels>(g, d * center);
    fit.multiple = center;
    for (const float step : {-1.0f, 1.0f}) {
      const F other = smaller(larger(center + step, all(low)), all(high));
      const F error = error_at<Levels>(g, d * other);
      const I better = error < best;
      best = choose(better, error, best);
      fit.multiple = choose(better, other, fit.multiple);
    }
    fit.error = sum_of_block<lanes_of_block>(best);
    return fit;
  }

  // The d that suits the multiples and the levels that they choose.
  F solve(const SignedFit& fit) const {
    const F scale = fit.d * fit.multiple;
    const Products p = products<Levels>(g, ratio(all(1), scale));
    return halves(ratio(sum_of_block<lanes_of_block>(p.xl * fit.multiple),
                        sum_of_block<lanes_of_block>(p.ll * fit.multiple * fit.multiple)));
  }

  SignedFit run(F scales) const {
    const F peak = peak_of_block<lanes_of_block>(scales);
    SignedFit best;
    const auto take = [&](const SignedFit& fit, bool first) {
      const I better = fit.error < best.error;
      if (first) {
        best = fit;
        return;
      }
      best.d = choose(better, fit.d, best.d);
      best.multiple = choose(better, fit.multiple, best.multiple);
      best.error = choose(better, fit.error, best.error);
    };
    bool first = true;
    for (const float end : {float(low), float(low) * 0.93f, float(high), float(high) * 0.93f}) {
      const F d = halves(peak / end);
      take(multiples(d, ratio(scales, d)), first);
      first = false;
    }
    for (int step = 0; step < 3; ++step) {
      const F d = solve(best);
      take(multiples(d, best.multiple * ratio(best.d, d)), false);
    }
    return best;
  }
};

}  // namespace
}  // namespace hearth
