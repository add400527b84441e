// How much the square of each weight's error counts (tensor/fit.h), sixteen weights at a time.
#pragma once

#include "tensor/fit.h"
#include "tensor/kernels/fit_lanes.h"

namespace hearth {
namespace {

inline F load_lanes(const float* values) {
  F lanes;
  std::memcpy(&lanes, values, sizeof lanes);
  return lanes;
}

// Exact either way; of a loop a compiler calls the library for each number, which may set errno.
inline F root(F a) {
#if defined(__clang__)
  return __builtin_elementwise_sqrt(a);
#else
  for (int l = 0; l < kLanes; ++l) a[l] = __builtin_sqrtf(a[l]);
  return a;
#endif
}

// Magnitudes whose squares can be added up.
inline F squarable(const float* weights) {
  return smaller(absolute(load_lanes(weights)), all(0x1p50f));
}

void weigh(const WeighArgs& args) {
  for (size_t first = 0; first < args.n; first += args.span) {
    F squares{};
    for (size_t i = first; i < first + args.span; i += kLanes) {
      const F x = squarable(args.weights + i);
      squares += x * x;
    }
    float sum = 0;
    for (int l = 0; l < kLanes; ++l) sum += squares[l];
    const F spread = all(args.spread * sum / static_cast<float>(args.span));
    for (size_t i = first; i < first + args.span; i += kLanes) {
      const F x = squarable(args.weights + i);
      F counts = root(spread + x * x);
      if (args.importance != nullptr) counts *= load_lanes(args.importance + i);
      std::memcpy(args.out + i, &counts, sizeof counts);
    }
  }
}

}  // namespace
}  // namespace hearth
