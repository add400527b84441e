// The packed six-bit scales of the K formats, turned into one byte each with word-wide shifts.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "tensor/blocks.h"

namespace hearth {
namespace {

// Q4_K and Q5_K: bytes 0 to 7 are the scales, 8 to 15 the minimums (scale_min_k4 is the
// definition).
inline __m128i decode_scales_k4(const uint8_t* packed) {
  uint32_t w[3];
  std::memcpy(w, packed, sizeof w);
  const uint32_t scales_low = w[0] & 0x3F3F3F3F;
  const uint32_t mins_low = w[1] & 0x3F3F3F3F;
  const uint32_t scales_high = (w[2] & 0x0F0F0F0F) | ((w[0] >> 2) & 0x30303030);
  const uint32_t mins_high = ((w[2] >> 4) & 0x0F0F0F0F) | ((w[1] >> 2) & 0x30303030);
  return _mm_setr_epi32(static_cast<int>(scales_low), static_cast<int>(scales_high),
                        static_cast<int>(mins_low), static_cast<int>(mins_high));
}

// Q3_K: 16 scales from -32 to 31 (scale_k3 is the definition).
inline __m128i decode_scales_k3(const uint8_t* packed) {
  uint32_t w[3];
  std::memcpy(w, packed, sizeof w);
  const auto high = [&](int group) { return ((w[2] >> (2 * group)) & 0x03030303) << 4; };
  const __m128i raw = _mm_setr_epi32(static_cast<int>((w[0] & 0x0F0F0F0F) | high(0)),
                                     static_cast<int>((w[1] & 0x0F0F0F0F) | high(1)),
                                     static_cast<int>(((w[0] >> 4) & 0x0F0F0F0F) | high(2)),
                                     static_cast<int>(((w[1] >> 4) & 0x0F0F0F0F) | high(3)));
  return _mm_sub_epi8(raw, _mm_set1_epi8(32));
}

}  // namespace
}  // namespace hearth
