// Memory layouts of quantized blocks, as GGUF stores them (docs/formats/blocks.md has the
// formulas). Scales named f16 are raw binary16 bits. Every struct is packed and may stand at any
// address.
#pragma once

#include <cstdint>

namespace hearth {

inline constexpr int kSmallBlock = 32;   // weights in a block of the Qn_0 and Qn_1 formats
inline constexpr int kSuperBlock = 256;  // weights in a block of the Qn_K formats

struct BlockQ4_0 {
  uint16_t d_f16;
  uint8_t quants[16];  // byte j: weight j in the low half, weight j + 16 in the high half
};

struct BlockQ4_1 {
  uint16_t d_f16;
  uint16_t m_f16;  // value = d * q + m
  uint8_t quants[16];
};

struct BlockQ5_0 {
  uint16_t d_f16;
  uint8_t high[4];  // bit j: the fifth bit of weight j
  uint8_t quants[16];
};

struct BlockQ5_1 {
  uint16_t d_f16;
  uint16_t m_f16;
  uint8_t high[4];
  uint8_t quants[16];
};

struct BlockQ8_0 {
  uint16_t d_f16;
  int8_t quants[32];
};

struct BlockQ2_K {
  uint8_t scales[16];  // of 16 weights each: scale in the low half, minimum in the high half
  uint8_t quants[64];
  uint16_t d_f16;
  uint16_t dmin_f16;
};

struct BlockQ3_K {
  uint8_t high[32];  // bit s: the third bit of the weights of 32-group s
  uint8_t quants[64];
  uint8_t scales[12];  // 16 scales of 6 bits, offset 32
  uint16_t d_f16;
};

struct BlockQ4_K {
  uint16_t d_f16;
  uint16_t dmin_f16;
  uint8_t scales[12];  // 8 scales and 8 minimums of 6 bits, for 32 weights each
  uint8_t quants[128];
};

struct BlockQ5_K {
  uint16_t d_f16;
  uint16_t dmin_f16;
  uint8_t scales[12];
  uint8_t high[32];
  uint8_t quants[128];
};

struct BlockQ6_K {
  uint8_t low[128];
  uint8_t high[64];
  int8_t scales[16];  // of 16 weights each
  uint16_t d_f16;
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20);
static_assert(sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34);
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144);
static_assert(sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210);

// The six-bit scale and minimum of 32-group j (0 to 7) of Q4_K and Q5_K.
struct ScaleMin {
  uint8_t scale;
  uint8_t min;
};
[[nodiscard]] static inline ScaleMin scale_min_k4(const uint8_t* scales, int j) {
  if (j < 4) {
    return {static_cast<uint8_t>(scales[j] & 63), static_cast<uint8_t>(scales[j + 4] & 63)};
  }
  return {static_cast<uint8_t>((scales[j + 4] & 15) | ((scales[j - 4] >> 6) << 4)),
          static_cast<uint8_t>((scales[j + 4] >> 4) | ((scales[j] >> 6) << 4))};
}

// The six-bit scale of 16-group j (0 to 15) of Q3_K, from -32 to 31.
[[nodiscard]] static inline int scale_k3(const uint8_t* scales, int j) {
  const int low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
  const int high = (scales[8 + j % 4] >> (2 * (j / 4))) & 3;
  return (low | (high << 4)) - 32;
}

}  // namespace hearth
