#include <cstring>

#include "tensor/blocks.h"
#include "tensor/codebook_reference.h"
#include "tensor/float16.h"
#include "tensor/reference.h"

namespace hearth::reference {
namespace {

using reference::expand;

void expand(const BlockQ4_0& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>((b.quants[j] & 15) - 8);
    out[j + 16] = d * static_cast<float>((b.quants[j] >> 4) - 8);
  }
}

void expand(const BlockQ4_1& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  const float m = f16_to_f32(b.m_f16);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(b.quants[j] & 15) + m;
    out[j + 16] = d * static_cast<float>(b.quants[j] >> 4) + m;
  }
}

// The five-bit quant of weight i, 0 to 31.
int quant5(const uint8_t* quants, const uint8_t* high, int i) {
  const int low = i < 16 ? quants[i] & 15 : quants[i - 16] >> 4;
  return low | (((high[i / 8] >> (i % 8)) & 1) << 4);
}

void expand(const BlockQ5_0& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(quant5(b.quants, b.high, i) - 16);
}

void expand(const BlockQ5_1& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  const float m = f16_to_f32(b.m_f16);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(quant5(b.quants, b.high, i)) + m;
}

void expand(const BlockQ8_0& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(b.quants[i]);
}

// In the K formats below, weight i of 256 lies in half h = i / 128, in the 32-group g = i / 32 and
// at lane l = i % 32 of it.

void expand(const BlockQ2_K& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  const float dmin = f16_to_f32(b.dmin_f16);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int quant = (b.quants[32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4))) & 3;
    const uint8_t scale = b.scales[i / 16];
    out[i] = d * static_cast<float>(scale & 15) * static_cast<float>(quant) -
             dmin * static_cast<float>(scale >> 4);
  }
}

void expand(const BlockQ3_K& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int low = (b.quants[32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4))) & 3;
    const int high = (b.high[i % 32] >> (i / 32)) & 1;
    const float scale = d * static_cast<float>(scale_k3(b.scales, i / 16));
    out[i] = scale * static_cast<float>((low | (high << 2)) - 4);
  }
}

void expand(const BlockQ4_K& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  const float dmin = f16_to_f32(b.dmin_f16);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int group = i / 32;
    const int quant = (b.quants[32 * (group / 2) + i % 32] >> (4 * (group % 2))) & 15;
    const ScaleMin s = scale_min_k4(b.scales, group);
    out[i] = d * static_cast<float>(s.scale) * static_cast<float>(quant) -
             dmin * static_cast<float>(s.min);
  }
}

void expand(const BlockQ5_K& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  const float dmin = f16_to_f32(b.dmin_f16);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int group = i / 32;
    const int low = (b.quants[32 * (group / 2) + i % 32] >> (4 * (group % 2))) & 15;
    const int high = (b.high[i % 32] >> group) & 1;
    const ScaleMin s = scale_min_k4(b.scales, group);
    out[i] = d * static_cast<float>(s.scale) * static_cast<float>(low | (high << 4)) -
             dmin * static_cast<float>(s.min);
  }
}

void expand(const BlockQ6_K& b, float* out) {
  const float d = f16_to_f32(b.d_f16);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int half = i / 128;
    const int quarter = i / 32 % 4;
    const int low = (b.low[64 * half + i % 64] >> (4 * (quarter / 2))) & 15;
    const int high = (b.high[32 * half + i % 32] >> (2 * quarter)) & 3;
    const float scale = d * static_cast<float>(b.scales[i / 16]);
    out[i] = scale * static_cast<float>((low | (high << 4)) - 32);
  }
}

template <class Block>
void expand_row(const std::byte* row, size_t n, size_t block_weights, float* out) {
  for (size_t i = 0; i < n; i += block_weights) {
    Block block;
    std::memcpy(&block, row + i / block_weights * sizeof(Block), sizeof block);
    expand(block, out + i);
  }
}

template <float (*convert)(uint16_t)>
void expand_halves(const std::byte* row, size_t n, float* out) {
  for (size_t i = 0; i < n; ++i) {
    uint16_t bits;
    std::memcpy(&bits, row + 2 * i, sizeof bits);
    out[i] = convert(bits);
  }
}

void dequantize_codebook(DType type, const std::byte* row, size_t n, float* out) {
  switch (type) {
    case DType::IQ2_XXS:
      expand_row<BlockIQ2_XXS>(row, n, kSuperBlock, out);
      return;
    case DType::IQ2_XS:
      expand_row<BlockIQ2_XS>(row, n, kSuperBlock, out);
      return;
    case DType::IQ2_S:
      expand_row<BlockIQ2_S>(row, n, kSuperBlock, out);
      return;
    case DType::IQ3_XXS:
      expand_row<BlockIQ3_XXS>(row, n, kSuperBlock, out);
      return;
    case DType::IQ3_S:
      expand_row<BlockIQ3_S>(row, n, kSuperBlock, out);
      return;
    case DType::IQ1_S:
      expand_row<BlockIQ1_S>(row, n, kSuperBlock, out);
      return;
    case DType::IQ1_M:
      expand_row<BlockIQ1_M>(row, n, kSuperBlock, out);
      return;
    case DType::IQ4_NL:
      expand_row<BlockIQ4_NL>(row, n, kSmallBlock, out);
      return;
    case DType::IQ4_XS:
      expand_row<BlockIQ4_XS>(row, n, kSuperBlock, out);
      return;
    case DType::TQ1_0:
      expand_row<BlockTQ1_0>(row, n, kSuperBlock, out);
      return;
    case DType::TQ2_0:
      expand_row<BlockTQ2_0>(row, n, kSuperBlock, out);
      return;
    case DType::Q1_0:
      expand_row<BlockQ1_0>(row, n, kBlock128, out);
      return;
    case DType::Q2_0:
      expand_row<BlockQ2_0>(row, n, kBlock64, out);
      return;
    case DType::MXFP4:
      expand_row<BlockMXFP4>(row, n, kSmallBlock, out);
      return;
    case DType::NVFP4:
      expand_row<BlockNVFP4>(row, n, kBlock64, out);
      return;
    default:
      return;  // not computable: callers have checked
  }
}

}  // namespace

void dequantize(DType type, const std::byte* row, size_t n, float* out) {
  switch (type) {
    case DType::F32:
      std::memcpy(out, row, n * sizeof(float));
      return;
    case DType::F16:
      expand_halves<f16_to_f32>(row, n, out);
      return;
    case DType::BF16:
      expand_halves<bf16_to_f32>(row, n, out);
      return;
    case DType::Q4_0:
      expand_row<BlockQ4_0>(row, n, kSmallBlock, out);
      return;
    case DType::Q4_1:
      expand_row<BlockQ4_1>(row, n, kSmallBlock, out);
      return;
    case DType::Q5_0:
      expand_row<BlockQ5_0>(row, n, kSmallBlock, out);
      return;
    case DType::Q5_1:
      expand_row<BlockQ5_1>(row, n, kSmallBlock, out);
      return;
    case DType::Q8_0:
      expand_row<BlockQ8_0>(row, n, kSmallBlock, out);
      return;
    case DType::Q2_K:
      expand_row<BlockQ2_K>(row, n, kSuperBlock, out);
      return;
    case DType::Q3_K:
      expand_row<BlockQ3_K>(row, n, kSuperBlock, out);
      return;
    case DType::Q4_K:
      expand_row<BlockQ4_K>(row, n, kSuperBlock, out);
      return;
    case DType::Q5_K:
      expand_row<BlockQ5_K>(row, n, kSuperBlock, out);
      return;
    case DType::Q6_K:
      expand_row<BlockQ6_K>(row, n, kSuperBlock, out);
      return;
    default:
      return dequantize_codebook(type, row, n, out);
  }
}

}  // namespace hearth::reference
