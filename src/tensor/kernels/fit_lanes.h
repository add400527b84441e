// Sixteen groups of weights side by side: lane l of every vector belongs to group l. Nothing is
// ever added across lanes of a vector but by plain loops in the order of lanes, and nothing is
// fused, so that each instruction set gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/float16.h"

// Vectors wider than the machine's are passed in memory; everything here stays in one file anyway.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace hearth {
namespace {

inline constexpr int kLanes = 16;
using F = float __attribute__((vector_size(kLanes * sizeof(float))));
using I = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));

inline F all(float value) { return F{} + value; }
inline F larger(F a, F b) { return a > b ? a : b; }
inline F smaller(F a, F b) { return a < b ? a : b; }
inline F absolute(F a) { return larger(a, -a); }
inline F choose(I which, F a, F b) { return which ? a : b; }

// To the nearest whole number, the even one in the middle, for |a| < 2^22.
inline F whole(F a) {
  const float big = 12582912.0f;  // 1.5 * 2^23: no bits behind the point are left
  return (a + big) - big;
}

// a / b, 0 where b is 0.
inline F ratio(F a, F b) {
  const I none = b == all(0);
  const F safe = choose(none, all(1), b);
  return choose(none, all(0), a / safe);
}

// Groups in lanes: weights and importance of weight j of every group.
template <int group>
struct Groups {
  F x[group];
  F w[group];
};

// What belongs to blocks that share a scale of scales: the sum over the lanes of each block, in all
// of its lanes.
template <int lanes_of_block>
F sum_of_block(F a) {
  F sums{};
  for (int first = 0; first < kLanes; first += lanes_of_block) {
    float sum = 0;
    for (int l = first; l < first + lanes_of_block; ++l) sum += a[l];
    for (int l = first; l < first + lanes_of_block; ++l) sums[l] = sum;
  }
  return sums;
}

// The value at the largest magnitude among the lanes of each block, in all of its lanes.
template <int lanes_of_block>
F peak_of_block(F a) {
  F peaks{};
  for (int first = 0; first < kLanes; first += lanes_of_block) {
    float peak = 0;
    for (int l = first; l < first + lanes_of_block; ++l) {
      const float magnitude = a[l] < 0 ? -a[l] : a[l];
      if (magnitude > (peak < 0 ? -peak : peak)) peak = a[l];
    }
    for (int l = first; l < first + lanes_of_block; ++l) peaks[l] = peak;
  }
  return peaks;
}

// As a half holds it; too large a number becomes the largest, and what is none (sums of squares
// that were too large) zero. Too small a one becomes the smallest, since a block's scale of zero
// would make all of its weights zero, whatever their multiples.
inline F halves(F a) {
  const F bounded = smaller(larger(choose(a == a, a, all(0)), all(-65504.0f)), all(65504.0f));
  F out{};
  for (int l = 0; l < kLanes; ++l) out[l] = f16_to_f32(f32_to_f16(bounded[l]));
  const F least = choose(bounded < all(0), all(-0x1p-24f), all(0x1p-24f));
  return choose((out == all(0)) & (bounded != all(0)), least, out);
}

// How much longer weights are made before few levels are fitted to them, from the share of their
// length that the nearest levels have.
//
// What is closest to weights is shorter than they are, by the share of their squares that is lost,
// and all groups of all matrices err to this side: outputs shrink, which harms a model more than
// errors of any direction do. Fitted to weights that are longer by as much, the result has the
// length that it should have. Errors of all directions grow with it, and from a tenth on harm more
// than that gains (measured with these formats).
inline F lengthening(F share) {
  return choose(share > all(0), smaller(larger(ratio(all(1), share), all(1)), all(1.1f)), all(1));
}

}  // namespace
}  // namespace hearth
