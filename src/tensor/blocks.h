// Memory layouts of quantized blocks, as GGUF stores them (docs/formats/blocks.md has the
// formulas). Scales named f16 are raw binary16 bits. Every struct is packed and may stand at any
// address.
#pragma once

#include <cstdint>

#include "tensor/float16.h"

namespace hearth {

inline constexpr int kSmallBlock = 32;   // weights in a block of the Qn_0 and Qn_1 formats
inline constexpr int kSuperBlock = 256;  // weights in a block of the Qn_K formats
inline constexpr int kBlock64 = 64;      // in a block of NVFP4 and Q2_0
inline constexpr int kBlock128 = 128;    // in a block of Q1_0

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

// Formats whose quants are numbers of points in a codebook (tensor/codebooks.h). Words are little
// endian.

struct BlockIQ2_XXS {
  uint16_t d_f16;
  // Of 32 weights each: numbers of 4 points of 8, then a word of four times 7 signs, and 4 bits of
  // scale on top.
  uint8_t groups[8][8];
};

struct BlockIQ2_XS {
  uint16_t d_f16;
  uint8_t words[32][2];  // of 8 weights each: 9 bits for the point, 7 signs above
  uint8_t scales[8];     // of 16 weights each: the low half, then the high half
};

struct BlockIQ2_S {
  uint16_t d_f16;
  uint8_t points[32];  // of 8 weights each: the low 8 bits of 10
  uint8_t signs[32];   // bit j: weight j of the 8 is negative
  uint8_t high[8];     // bits 2l: the upper bits of point l of a 32-group
  uint8_t scales[8];   // as in IQ2_XS
};

struct BlockIQ3_XXS {
  uint16_t d_f16;
  uint8_t points[64];   // of 4 weights each
  uint8_t signs[8][4];  // as the words of IQ2_XXS
};

struct BlockIQ3_S {
  uint16_t d_f16;
  uint8_t points[64];  // of 4 weights each: the low 8 bits of 9
  uint8_t high[8];     // bit k: the ninth of point k of a 32-group
  uint8_t signs[32];   // as in IQ2_S
  uint8_t scales[4];   // of 32 weights each: the low half, then the high half
};

struct BlockIQ1_S {
  uint16_t d_f16;
  uint8_t points[32];  // of 8 weights each: the low 8 bits of 11
  uint8_t high[8][2];  // of 32: bits 3l: the upper bits of point l; 3 bits of scale; sign of delta
};

struct BlockIQ1_M {
  uint8_t points[32];
  uint8_t high[16];   // of 8 weights in each half: 3 upper bits of the point, sign of delta
  uint8_t scales[8];  // of 64 weights in each word: 4 scales of 3 bits; a quarter of d (f16) on top
};

struct BlockIQ4_NL {
  uint16_t d_f16;
  uint8_t quants[16];  // as in Q4_0, numbers of one of 16 values
};

struct BlockIQ4_XS {
  uint16_t d_f16;
  uint8_t scales_high[2];  // 8 times the 2 upper bits of 6
  uint8_t scales_low[4];   // of 32 weights each: the low half, then the high half
  uint8_t quants[128];     // 16 bytes for 32 weights, as in IQ4_NL
};

// Formats of three values: -1, 0 and 1 times a scale.

struct BlockTQ1_0 {
  uint8_t quants[48];  // five digits of base 3 in each
  uint8_t last[4];     // four
  uint16_t d_f16;
};

struct BlockTQ2_0 {
  uint8_t quants[64];  // 2 bits for each, in the order of Q2_K
  uint16_t d_f16;
};

// Formats of two and four values.

struct BlockQ1_0 {
  uint16_t d_f16;
  uint8_t bits[16];  // bit i: d, else -d
};

struct BlockQ2_0 {
  uint16_t d_f16;
  uint8_t quants[16];  // byte i / 4, bits 2 * (i % 4): weight i, which is d * (q - 1)
};

// Four-bit floats.

struct BlockMXFP4 {
  uint8_t exponent;    // E8M0
  uint8_t quants[16];  // as in Q4_0
};

struct BlockNVFP4 {
  uint8_t scales[4];     // UE4M3, of 16 weights each
  uint8_t quants[4][8];  // of 16 weights each: low halves, then high halves
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20);
static_assert(sizeof(BlockQ5_0) == 22 && sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34);
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144);
static_assert(sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210);
static_assert(sizeof(BlockIQ2_XXS) == 66 && sizeof(BlockIQ2_XS) == 74 && sizeof(BlockIQ2_S) == 82);
static_assert(sizeof(BlockIQ3_XXS) == 98 && sizeof(BlockIQ3_S) == 110);
static_assert(sizeof(BlockIQ1_S) == 50 && sizeof(BlockIQ1_M) == 56);
static_assert(sizeof(BlockIQ4_NL) == 18 && sizeof(BlockIQ4_XS) == 136);
static_assert(sizeof(BlockTQ1_0) == 54 && sizeof(BlockTQ2_0) == 66);
static_assert(sizeof(BlockQ1_0) == 18 && sizeof(BlockQ2_0) == 18);
static_assert(sizeof(BlockMXFP4) == 17 && sizeof(BlockNVFP4) == 36);

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

// The six-bit scale of 32-group g (0 to 7) of IQ4_XS, from -32 to 31.
[[nodiscard]] static inline int scale_iq4_xs(const BlockIQ4_XS& block, int g) {
  const int low = (block.scales_low[g / 2] >> (4 * (g % 2))) & 15;
  const int high = (block.scales_high[g / 4] >> (2 * (g % 4))) & 3;
  return (low | (high << 4)) - 32;
}

// Eight signs of IQ2_XXS, IQ2_XS and IQ3_XXS from the seven that are stored: the number of negative
// weights is even.
[[nodiscard]] static inline constexpr uint8_t eight_signs(uint32_t seven) {
  const uint32_t fours = seven ^ (seven >> 4);
  const uint32_t odd = (0x6996u >> (fours & 15)) & 1;
  return static_cast<uint8_t>(seven | (odd << 7));
}

// The scale of an IQ1_M block as f16, put together from the tops of its four words.
[[nodiscard]] static inline uint16_t d_f16_of(const BlockIQ1_M& block) {
  int d = 0;
  for (int i = 0; i < 4; ++i) d |= (block.scales[2 * i + 1] >> 4) << (4 * i);
  return static_cast<uint16_t>(d);
}

// Half of the scales of FP4 blocks, because kFp4Values are doubled. MXFP4: 2^(e - 127); NVFP4: E4M3
// without a sign, of which 0x7F is no number and read as 0.
[[nodiscard]] static inline float half_scale_mxfp4(uint8_t e) {
  return bits_float(e < 2 ? 0x00200000u << e : (e - 1u) << 23);
}
[[nodiscard]] static inline float half_scale_nvfp4(uint8_t bits) {
  if (bits == 0x7F) return 0.0f;
  // As f16 the number has another bias: 15 for 7.
  return f16_to_f32(static_cast<uint16_t>((bits & 0x7F) << 7)) * 0x1p7f;
}

}  // namespace hearth
