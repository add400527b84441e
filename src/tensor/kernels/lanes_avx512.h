// Constant vectors for AVX-512, written as a function of the lane.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "tensor/kernels/unrolled.h"

namespace hearth {
namespace {

// A constant vector whose 32-bit lane j (or 16-bit lane j) is f(j).
struct alignas(64) Lanes32 {
  int32_t at[16];
};
struct alignas(64) Lanes16 {
  int16_t at[32];
};
template <class Function>
constexpr Lanes32 lanes32(Function f) {
  Lanes32 lanes{};
  for (int j = 0; j < 16; ++j) lanes.at[j] = static_cast<int32_t>(f(j));
  return lanes;
}
template <class Function>
constexpr Lanes16 lanes16(Function f) {
  Lanes16 lanes{};
  for (int j = 0; j < 32; ++j) lanes.at[j] = static_cast<int16_t>(f(j));
  return lanes;
}
HEARTH_INLINE __m512i vector_of(const Lanes32& lanes) { return _mm512_load_si512(lanes.at); }
HEARTH_INLINE __m512i vector_of(const Lanes16& lanes) { return _mm512_load_si512(lanes.at); }

}  // namespace
}  // namespace hearth
