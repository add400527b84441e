// Finds the best point of a codebook for sixteen groups at once, exactly: what a point costs is the
// sum of what its two halves cost, and there are few halves. They are priced once, then each point
// takes one comparison.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "tensor/codebook_parts.h"
#include "tensor/kernels/fit_lanes.h"

namespace hearth {
namespace {

constexpr int power(int base, int exponent) {
  return exponent == 0 ? 1 : base * power(base, exponent - 1);
}

// The points of an ascending list by their upper halves. A half is known by a number whose digits
// are its levels, the first weight's the lowest.
template <int half_weights, int n_levels, size_t n_points>
struct SplitPoints {
  static constexpr int kHalf = half_weights;
  static constexpr int kLevels = n_levels;
  static constexpr int kHalves = power(n_levels, half_weights);
  static constexpr int kBits = n_levels > 4 ? 3 : 2;  // of a level in a list

  const uint16_t (&points)[n_points];
  uint16_t lower[n_points] = {};     // lower half of each point
  uint16_t first[kHalves + 1] = {};  // points with upper half u: from first[u] up to first[u + 1]

  constexpr explicit SplitPoints(const uint16_t (&list)[n_points]) : points(list) {
    int upper = 0;
    for (size_t p = 0; p < n_points; ++p) {
      lower[p] = static_cast<uint16_t>(half(list[p]));
      const int own = half(list[p] >> (kBits * kHalf));
      for (; upper < own; ++upper) first[upper + 1] = static_cast<uint16_t>(p);
    }
    for (; upper < kHalves; ++upper) first[upper + 1] = static_cast<uint16_t>(n_points);
  }

 private:
  static constexpr int half(int levels) {
    int number = 0;
    for (int j = kHalf - 1; j >= 0; --j)
      number = number * kLevels + ((levels >> (kBits * j)) & ((1 << kBits) - 1));
    return number;
  }
};

// The levels of points, as lists hold them.
template <class Split>
I words_of(const Split& split, I points) {
  I words{};
  for (int l = 0; l < kLanes; ++l) words[l] = split.points[static_cast<size_t>(points[l])];
  return words;
}

// Costs of all halves, and where exactly one weight takes the wrong sign the least of those.
template <class Split>
struct HalfCosts {
  F plain[Split::kHalves];
  F flipped[Split::kHalves];
};

// What levels of one weight cost: [levels] each.
template <int levels>
struct LevelCosts {
  F plain[levels];
  F flipped[levels];
};

template <bool flips, class Split>
void price_halves(const LevelCosts<Split::kLevels>* weights, HalfCosts<Split>& out) {
  constexpr int kLevels = Split::kLevels;
  for (int l = 0; l < kLevels; ++l) {
    out.plain[l] = weights[0].plain[l];
    if (flips) out.flipped[l] = weights[0].flipped[l];
  }
  int known = kLevels;
  for (int j = 1; j < Split::kHalf; ++j, known *= kLevels) {
    // The lowest level is added last: it takes the place of what the others start from.
    for (int l = kLevels - 1; l >= 0; --l) {
      const F plain = weights[j].plain[l];
      const F flipped = flips ? weights[j].flipped[l] : F{};
      for (int c = 0; c < known; ++c) {
        if (flips) {
          out.flipped[l * known + c] = smaller(out.flipped[c] + plain, out.plain[c] + flipped);
        }
        out.plain[l * known + c] = out.plain[c] + plain;
      }
    }
  }
}

// The least cost of a point, and with one wrong sign.
struct Costs {
  F plain{};
  F flipped{};
};

// Of the lower halves that stand with upper half u. Straight code: a loop over a handful of points
// costs more than the points.
template <class Book, int u, size_t... p>
F least_of(const F* lower, std::index_sequence<p...>) {
  constexpr size_t kFirst = Book::kSplit.first[u];
  F least = lower[Book::kSplit.lower[kFirst]];
  ((least = smaller(least, lower[Book::kSplit.lower[kFirst + 1 + p]])), ...);
  return least;
}

template <class Book, bool flips, int u, class Split>
void take_points_with(const HalfCosts<Split>& lower, const HalfCosts<Split>& upper, Costs& best) {
  constexpr int kPoints = Book::kSplit.first[u + 1] - Book::kSplit.first[u];
  if constexpr (kPoints > 0) {
    using Others = std::make_index_sequence<kPoints - 1>;
    const F plain = least_of<Book, u>(lower.plain, Others{});
    best.plain = smaller(best.plain, plain + upper.plain[u]);
    if constexpr (flips) {
      const F flipped = least_of<Book, u>(lower.flipped, Others{});
      best.flipped = smaller(best.flipped, flipped + upper.plain[u]);
      best.flipped = smaller(best.flipped, plain + upper.flipped[u]);
    }
  }
}

template <class Book, bool flips, class Split, int... u>
Costs least_costs(const HalfCosts<Split>& lower, const HalfCosts<Split>& upper,
                  std::integer_sequence<int, u...>) {
  Costs best{all(__builtin_inff()), all(__builtin_inff())};
  (take_points_with<Book, flips, u>(lower, upper, best), ...);
  return best;
}

// The points of least cost.
struct Best {
  Costs cost;
  I plain{};
  I flipped{};
};

template <bool flips, class Split>
Best best_points(const Split& split, const HalfCosts<Split>& lower, const HalfCosts<Split>& upper) {
  Best best;
  best.cost = {all(__builtin_inff()), all(__builtin_inff())};
  const auto take = [](F cost, int p, F& least, I& point) {
    const I better = cost < least;
    least = choose(better, cost, least);
    point = better ? I{} + p : point;
  };
  for (int u = 0; u < Split::kHalves; ++u) {
    for (int p = split.first[u]; p < split.first[u + 1]; ++p) {
      const int l = split.lower[p];
      take(lower.plain[l] + upper.plain[u], p, best.cost.plain, best.plain);
      if (!flips) continue;
      const F cost = smaller(lower.flipped[l] + upper.plain[u], lower.plain[l] + upper.flipped[u]);
      take(cost, p, best.cost.flipped, best.flipped);
    }
  }
  return best;
}

// The points and signs that suit a scale, and weighted sums with the magnitudes they stand for.
template <int group>
struct Chosen {
  I points[group / 4];    // the first group / 8 where a point has 8 weights
  I signs[group / kRun];  // as in CodebookParts
  F xm{};                 // sum of w x magnitude
  F mm{};                 // sum of w magnitude^2
};

}  // namespace
}  // namespace hearth
