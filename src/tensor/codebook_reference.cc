#include "tensor/codebook_reference.h"

#include "tensor/codebooks.h"

namespace hearth::reference {
namespace {

uint32_t word16(const uint8_t* at) { return at[0] | uint32_t{at[1]} << 8; }
uint32_t word32(const uint8_t* at) { return word16(at) | word16(at + 2) << 16; }

// Entry i of halves of bytes, low before high.
int half_of(const uint8_t* bytes, int i) { return (bytes[i / 2] >> (4 * (i % 2))) & 15; }

float signed_value(float scale, int level, int negative) {
  return scale * static_cast<float>(negative != 0 ? -level : level);
}

// 8 weights of IQ2.
void expand_8(float scale, uint16_t point, uint32_t signs, float* out) {
  for (int j = 0; j < 8; ++j) {
    out[j] = signed_value(scale, kIq2Levels[level_of_8(point, j)], (signs >> j) & 1);
  }
}

// 8 weights of IQ1, whose points are moved by an eighth.
void expand_8_moved(float scale, uint16_t point, bool down, float* out) {
  for (int j = 0; j < 8; ++j) {
    const int eighths = 8 * (level_of_8(point, j) - 1) + (down ? -1 : 1);
    out[j] = scale * 0.125f * static_cast<float>(eighths);
  }
}

// 8 weights of IQ3.
void expand_4_and_4(float scale, const uint8_t (&levels)[8], uint16_t first, uint16_t second,
                    uint32_t signs, float* out) {
  for (int j = 0; j < 4; ++j) {
    out[j] = signed_value(scale, levels[level_of_4(first, j)], (signs >> j) & 1);
    out[4 + j] = signed_value(scale, levels[level_of_4(second, j)], (signs >> (4 + j)) & 1);
  }
}

// (2 s + 1) / 8 of the super-block's scale.
float eighth_scale(float d, int s) { return d * static_cast<float>(2 * s + 1) * 0.125f; }

// Nibbles: low halves, then high halves of `bytes` bytes.
void expand_nibbles(float scale, const int8_t (&values)[16], const uint8_t* quants, int bytes,
                    float* out) {
  for (int j = 0; j < bytes; ++j) {
    out[j] = scale * static_cast<float>(values[quants[j] & 15]);
    out[bytes + j] = scale * static_cast<float>(values[quants[j] >> 4]);
  }
}

// Digit `place` (0 is the first) of a byte of base-3 digits: the byte is their fraction of 1, in
// 256ths and rounded up.
int ternary_digit(uint8_t byte, int place) {
  unsigned rest = byte;
  for (int i = 0; i < place; ++i) rest = rest * 3 % 256;
  return static_cast<int>(rest * 3 / 256);
}

}  // namespace

// Weights are counted in runs of 8: run w of 32, in 32-group w / 4.

void expand(const BlockIQ2_XXS& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int w = 0; w < 32; ++w) {
    const uint8_t* group = b.groups[w / 4];
    const uint32_t word = word32(group + 4);
    const uint8_t signs = eight_signs((word >> (7 * (w % 4))) & 127);
    expand_8(eighth_scale(d, static_cast<int>(word >> 28)), kIq2XxsPoints[group[w % 4]], signs,
             out + 8 * w);
  }
}

void expand(const BlockIQ2_XS& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int w = 0; w < 32; ++w) {
    const uint32_t word = word16(b.words[w]);
    expand_8(eighth_scale(d, half_of(b.scales, w / 2)), kIq2XsPoints[word & 511],
             eight_signs(word >> 9), out + 8 * w);
  }
}

void expand(const BlockIQ2_S& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int w = 0; w < 32; ++w) {
    const int point = b.points[w] | ((b.high[w / 4] >> (2 * (w % 4))) & 3) << 8;
    expand_8(eighth_scale(d, half_of(b.scales, w / 2)), kIq2SPoints[point], b.signs[w],
             out + 8 * w);
  }
}

void expand(const BlockIQ3_XXS& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int w = 0; w < 32; ++w) {
    const uint32_t word = word32(b.signs[w / 4]);
    const uint8_t signs = eight_signs((word >> (7 * (w % 4))) & 127);
    expand_4_and_4(eighth_scale(d, static_cast<int>(word >> 28)) * 2, kIq3XxsLevels,
                   kIq3XxsPoints[b.points[2 * w]], kIq3XxsPoints[b.points[2 * w + 1]], signs,
                   out + 8 * w);
  }
}

void expand(const BlockIQ3_S& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  const auto point = [&](int k) {
    return kIq3SPoints[b.points[k] | ((b.high[k / 8] >> (k % 8)) & 1) << 8];
  };
  for (int w = 0; w < 32; ++w) {
    expand_4_and_4(eighth_scale(d, half_of(b.scales, w / 4)) * 8, kIq3SLevels, point(2 * w),
                   point(2 * w + 1), b.signs[w], out + 8 * w);
  }
}

void expand(const BlockIQ1_S& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int w = 0; w < 32; ++w) {
    const uint32_t high = word16(b.high[w / 4]);
    const uint32_t point = b.points[w] | ((high >> (3 * (w % 4))) & 7) << 8;
    const int scale = static_cast<int>((high >> 12) & 7);
    expand_8_moved(d * static_cast<float>(2 * scale + 1), kIq1Points[point], high >> 15 != 0,
                   out + 8 * w);
  }
}

void expand(const BlockIQ1_M& b, float* out) {
  const float d = f16_to_f32(d_f16_of(b));
  for (int w = 0; w < 32; ++w) {
    const int high = half_of(b.high, w);
    const uint32_t scales = word16(b.scales + 2 * (w / 8));
    const int scale = static_cast<int>((scales >> (3 * (w / 2 % 4))) & 7);
    expand_8_moved(d * static_cast<float>(2 * scale + 1), kIq1Points[b.points[w] | (high & 7) << 8],
                   (high & 8) != 0, out + 8 * w);
  }
}

void expand(const BlockIQ4_NL& b, float* out) {
  expand_nibbles(f16_to_f32(b.d_f16), kIq4Values, b.quants, 16, out);
}

void expand(const BlockIQ4_XS& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int g = 0; g < 8; ++g) {
    expand_nibbles(d * static_cast<float>(scale_iq4_xs(b, g)), kIq4Values, b.quants + 16 * g, 16,
                   out + 32 * g);
  }
}

void expand(const BlockTQ1_0& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  // `count` bytes hold five (or four) times as many weights: first all first digits, then all
  // second ones.
  const auto digits = [&](const uint8_t* bytes, int count, int places) {
    for (int place = 0; place < places; ++place) {
      for (int j = 0; j < count; ++j) {
        *out++ = d * static_cast<float>(ternary_digit(bytes[j], place) - 1);
      }
    }
  };
  digits(b.quants, 32, 5);
  digits(b.quants + 32, 16, 5);
  digits(b.last, 4, 4);
}

void expand(const BlockTQ2_0& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int quant = (b.quants[32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4))) & 3;
    out[i] = d * static_cast<float>(quant - 1);
  }
}

void expand(const BlockQ1_0& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int i = 0; i < kBlock128; ++i) out[i] = ((b.bits[i / 8] >> (i % 8)) & 1) != 0 ? d : -d;
}

void expand(const BlockQ2_0& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int i = 0; i < kBlock64; ++i) {
    out[i] = d * static_cast<float>(((b.quants[i / 4] >> (2 * (i % 4))) & 3) - 1);
  }
}

void expand(const BlockMXFP4& b, float* out) {
  expand_nibbles(half_scale_mxfp4(b.exponent), kFp4Values, b.quants, 16, out);
}

void expand(const BlockNVFP4& b, float* out) {
  for (int g = 0; g < 4; ++g) {
    expand_nibbles(half_scale_nvfp4(b.scales[g]), kFp4Values, b.quants[g], 8, out + 16 * g);
  }
}

}  // namespace hearth::reference
