#include "tensor/block_parts.h"

#include <cstring>

#include "tensor/blocks.h"
#include "tensor/codebooks.h"

namespace hearth {
namespace {

constexpr int8_t kBinaryValues[] = {-1, 1};
constexpr int8_t kQ2Values[] = {-1, 0, 1, 2};

constexpr GroupFormat kFormats[] = {
    {DType::Q4_0, GroupKind::symmetric, 32, 1, 16, 1, 1},
    {DType::Q5_0, GroupKind::symmetric, 32, 1, 32, 1, 1},
    {DType::Q8_0, GroupKind::symmetric, 32, 1, 256, 1, 1},
    {DType::Q3_K, GroupKind::symmetric, 16, 16, 8, -32, 31},
    {DType::Q6_K, GroupKind::symmetric, 16, 16, 64, -128, 127},
    {DType::IQ4_NL, GroupKind::levels, 32, 1, 16, 1, 1, kIq4Values},
    {DType::IQ4_XS, GroupKind::levels, 32, 8, 16, -32, 31, kIq4Values},
    {DType::Q2_K, GroupKind::offset, 16, 16, 4, 0, 15},
    {DType::Q4_K, GroupKind::offset, 32, 8, 16, 0, 63},
    {DType::Q5_K, GroupKind::offset, 32, 8, 32, 0, 63},
    {DType::Q4_1, GroupKind::affine, 32, 1, 16, 1, 1},
    {DType::Q5_1, GroupKind::affine, 32, 1, 32, 1, 1},
    {DType::TQ1_0, GroupKind::symmetric, 256, 1, 3, 1, 1},
    {DType::TQ2_0, GroupKind::symmetric, 256, 1, 3, 1, 1},
    {DType::Q1_0, GroupKind::levels, 128, 1, 2, 1, 1, kBinaryValues},
    {DType::Q2_0, GroupKind::levels, 64, 1, 4, 1, 1, kQ2Values},
    {DType::MXFP4, GroupKind::floats, 32, 1, 16, 0, 254, kFp4Values},
    {DType::NVFP4, GroupKind::floats, 16, 4, 16, 0, 126, kFp4Values},
};

template <class Block>
void put(const Block& block, std::byte* out) {
  std::memcpy(out, &block, sizeof block);
}

uint8_t byte_of(int value) { return static_cast<uint8_t>(value & 255); }

// Weight i in the low half of byte i, weight i + 16 in the high half.
void pack_nibbles(const uint8_t* quants, uint8_t* out) {
  for (int j = 0; j < 16; ++j) out[j] = byte_of((quants[j] & 15) | ((quants[j + 16] & 15) << 4));
}

void pack_fifth_bits(const uint8_t* quants, uint8_t* high) {
  for (int i = 0; i < 32; ++i) high[i / 8] |= byte_of(((quants[i] >> 4) & 1) << (i % 8));
}

void pack_q2_k(const BlockParts& parts, std::byte* out) {
  BlockQ2_K block{};
  for (int g = 0; g < 16; ++g) block.scales[g] = byte_of(parts.scales[g] | (parts.mins[g] << 4));
  for (int i = 0; i < kSuperBlock; ++i)
    block.quants[32 * (i / 128) + i % 32] |= byte_of(parts.quants[i] << (2 * (i / 32 % 4)));
  block.d_f16 = parts.d;
  block.dmin_f16 = parts.dmin;
  put(block, out);
}

void pack_q3_k(const BlockParts& parts, std::byte* out) {
  BlockQ3_K block{};
  for (int i = 0; i < kSuperBlock; ++i) {
    block.quants[32 * (i / 128) + i % 32] |= byte_of((parts.quants[i] & 3) << (2 * (i / 32 % 4)));
    block.high[i % 32] |= byte_of((parts.quants[i] >> 2) << (i / 32));
  }
  for (int g = 0; g < 16; ++g) {
    const int scale = parts.scales[g] + 32;
    block.scales[g % 8] |= byte_of((scale & 15) << (4 * (g / 8)));
    block.scales[8 + g % 4] |= byte_of((scale >> 4) << (2 * (g / 4)));
  }
  block.d_f16 = parts.d;
  put(block, out);
}

// Eight scales and eight minimums of 6 bits (scale_min_k4).
void pack_scales_k4(const BlockParts& parts, uint8_t* out) {
  for (int g = 0; g < 4; ++g) {
    out[g] = byte_of(parts.scales[g] | ((parts.scales[g + 4] >> 4) << 6));
    out[g + 4] = byte_of(parts.mins[g] | ((parts.mins[g + 4] >> 4) << 6));
    out[g + 8] = byte_of((parts.scales[g + 4] & 15) | ((parts.mins[g + 4] & 15) << 4));
  }
}

template <class Block>
Block pack_four_bits(const BlockParts& parts) {
  Block block{};
  pack_scales_k4(parts, block.scales);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int group = i / 32;
    block.quants[32 * (group / 2) + i % 32] |= byte_of((parts.quants[i] & 15) << (4 * (group % 2)));
  }
  block.d_f16 = parts.d;
  block.dmin_f16 = parts.dmin;
  return block;
}

void pack_q5_k(const BlockParts& parts, std::byte* out) {
  auto block = pack_four_bits<BlockQ5_K>(parts);
  for (int i = 0; i < kSuperBlock; ++i)
    block.high[i % 32] |= byte_of((parts.quants[i] >> 4) << (i / 32));
  put(block, out);
}

void pack_q6_k(const BlockParts& parts, std::byte* out) {
  BlockQ6_K block{};
  for (int i = 0; i < kSuperBlock; ++i) {
    const int half = i / 128;
    const int quarter = i / 32 % 4;
    block.low[64 * half + i % 64] |= byte_of((parts.quants[i] & 15) << (4 * (quarter / 2)));
    block.high[32 * half + i % 32] |= byte_of((parts.quants[i] >> 4) << (2 * quarter));
  }
  for (int g = 0; g < 16; ++g) block.scales[g] = static_cast<int8_t>(parts.scales[g]);
  block.d_f16 = parts.d;
  put(block, out);
}

void pack_iq4_xs(const BlockParts& parts, std::byte* out) {
  BlockIQ4_XS block{};
  block.d_f16 = parts.d;
  for (int g = 0; g < 8; ++g) {
    const int scale = parts.scales[g] + 32;
    block.scales_low[g / 2] |= byte_of((scale & 15) << (4 * (g % 2)));
    block.scales_high[g / 4] |= byte_of((scale >> 4) << (2 * (g % 4)));
    pack_nibbles(parts.quants + 32 * g, block.quants + 16 * g);
  }
  put(block, out);
}

template <class Block>
void pack_small(const BlockParts& parts, std::byte* out) {
  Block block{};
  block.d_f16 = parts.d;
  if constexpr (requires { block.m_f16; }) block.m_f16 = parts.dmin;
  pack_nibbles(parts.quants, block.quants);
  if constexpr (requires { block.high; }) pack_fifth_bits(parts.quants, block.high);
  put(block, out);
}

void pack_q8_0(const BlockParts& parts, std::byte* out) {
  BlockQ8_0 block{};
  block.d_f16 = parts.d;
  for (int i = 0; i < 32; ++i) block.quants[i] = static_cast<int8_t>(parts.quants[i] - 128);
  put(block, out);
}

// `places` digits of base 3 of weights that lie `stride` apart, as a fraction of 256 rounded up.
uint8_t ternary_byte(const uint8_t* quants, int stride, int places) {
  int number = 0;
  for (int p = 0; p < 5; ++p) number = 3 * number + (p < places ? quants[p * stride] : 0);
  return byte_of((256 * number + 242) / 243);
}

void pack_tq1_0(const BlockParts& parts, std::byte* out) {
  BlockTQ1_0 block{};
  block.d_f16 = parts.d;
  for (int j = 0; j < 32; ++j) block.quants[j] = ternary_byte(parts.quants + j, 32, 5);
  for (int j = 0; j < 16; ++j) block.quants[32 + j] = ternary_byte(parts.quants + 160 + j, 16, 5);
  for (int j = 0; j < 4; ++j) block.last[j] = ternary_byte(parts.quants + 240 + j, 4, 4);
  put(block, out);
}

void pack_tq2_0(const BlockParts& parts, std::byte* out) {
  BlockTQ2_0 block{};
  for (int i = 0; i < kSuperBlock; ++i)
    block.quants[32 * (i / 128) + i % 32] |= byte_of(parts.quants[i] << (2 * (i / 32 % 4)));
  block.d_f16 = parts.d;
  put(block, out);
}

void pack_q1_0(const BlockParts& parts, std::byte* out) {
  BlockQ1_0 block{};
  block.d_f16 = parts.d;
  for (int i = 0; i < kBlock128; ++i) block.bits[i / 8] |= byte_of(parts.quants[i] << (i % 8));
  put(block, out);
}

void pack_q2_0(const BlockParts& parts, std::byte* out) {
  BlockQ2_0 block{};
  block.d_f16 = parts.d;
  for (int i = 0; i < kBlock64; ++i)
    block.quants[i / 4] |= byte_of(parts.quants[i] << (2 * (i % 4)));
  put(block, out);
}

void pack_mxfp4(const BlockParts& parts, std::byte* out) {
  BlockMXFP4 block{};
  block.exponent = byte_of(parts.scales[0]);
  pack_nibbles(parts.quants, block.quants);
  put(block, out);
}

void pack_nvfp4(const BlockParts& parts, std::byte* out) {
  BlockNVFP4 block{};
  for (int g = 0; g < 4; ++g) {
    block.scales[g] = byte_of(parts.scales[g]);
    const uint8_t* quants = parts.quants + 16 * g;
    for (int j = 0; j < 8; ++j) block.quants[g][j] = byte_of(quants[j] | quants[8 + j] << 4);
  }
  put(block, out);
}

}  // namespace

const GroupFormat* group_format(DType type) {
  for (const GroupFormat& format : kFormats) {
    if (format.type == type) return &format;
  }
  return nullptr;
}

void pack_parts(const GroupFormat& format, const BlockParts& parts, std::byte* out) {
  switch (format.type) {
    case DType::Q4_0:
      return pack_small<BlockQ4_0>(parts, out);
    case DType::Q4_1:
      return pack_small<BlockQ4_1>(parts, out);
    case DType::Q5_0:
      return pack_small<BlockQ5_0>(parts, out);
    case DType::Q5_1:
      return pack_small<BlockQ5_1>(parts, out);
    case DType::IQ4_NL:
      return pack_small<BlockIQ4_NL>(parts, out);
    case DType::Q8_0:
      return pack_q8_0(parts, out);
    case DType::Q2_K:
      return pack_q2_k(parts, out);
    case DType::Q3_K:
      return pack_q3_k(parts, out);
    case DType::Q4_K:
      return put(pack_four_bits<BlockQ4_K>(parts), out);
    case DType::Q5_K:
      return pack_q5_k(parts, out);
    case DType::Q6_K:
      return pack_q6_k(parts, out);
    case DType::IQ4_XS:
      return pack_iq4_xs(parts, out);
    case DType::TQ1_0:
      return pack_tq1_0(parts, out);
    case DType::TQ2_0:
      return pack_tq2_0(parts, out);
    case DType::Q1_0:
      return pack_q1_0(parts, out);
    case DType::Q2_0:
      return pack_q2_0(parts, out);
    case DType::MXFP4:
      return pack_mxfp4(parts, out);
    case DType::NVFP4:
      return pack_nvfp4(parts, out);
    default:
      return;  // no group format: callers have checked
  }
}

GroupValues group_values(const GroupFormat& format, const BlockParts& parts, int g) {
  const float d = f16_to_f32(parts.d);
  const float dmin = f16_to_f32(parts.dmin);
  switch (format.kind) {
    case GroupKind::offset:
      return {d * static_cast<float>(parts.scales[g]), dmin * static_cast<float>(parts.mins[g])};
    case GroupKind::affine:
      return {d, -dmin};
    case GroupKind::floats:
      return {(format.type == DType::MXFP4 ? half_scale_mxfp4
                                           : half_scale_nvfp4)(byte_of(parts.scales[g])),
              0};
    case GroupKind::symmetric:
    case GroupKind::levels:
      break;
  }
  return {format.scale_max == 1 ? d : d * static_cast<float>(parts.scales[g]), 0};
}

int level_of(const GroupFormat& format, int quant) {
  if (format.kind == GroupKind::symmetric) return quant - format.zero();
  if (format.values != nullptr) return format.values[quant];
  return quant;
}

}  // namespace hearth
