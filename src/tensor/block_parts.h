// What a block of a quantized row says, one field for each number: quants, scales, minimums.
// Fitting works on these; pack_parts() puts them where the format wants them
// (docs/formats/blocks.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace hearth {

// Which weights a group's numbers stand for:
// clang-format off
//   symmetric:  d * scale * (quant - zero)           Q4_0, Q5_0, Q8_0, Q3_K, Q6_K, TQ1_0, TQ2_0
//   levels:     d * scale * values[quant]            IQ4_NL, IQ4_XS, Q1_0, Q2_0
//   floats:     scale * kFp4Values[quant]            MXFP4, NVFP4: scales are bits of small floats
//   offset:     d * scale * quant - dmin * min       Q2_K, Q4_K, Q5_K
//   affine:     d * quant + dmin                     Q4_1, Q5_1
// where scale is 1 in formats without scales of their own.
// clang-format on
enum class GroupKind : uint8_t { symmetric, levels, floats, offset, affine };

struct GroupFormat {
  DType type = DType::F32;
  GroupKind kind = GroupKind::symmetric;
  int group = 32;     // weights that share a scale
  int groups = 1;     // of a block
  int quants = 16;    // how many values a quant has, from 0 on
  int scale_min = 1;  // the least and the greatest integer scale; 1 and 1 where d is the scale
  int scale_max = 1;
  const int8_t* values = nullptr;  // of levels and floats: what a quant stands for

  [[nodiscard]] constexpr int block() const { return group * groups; }
  [[nodiscard]] constexpr int zero() const { return quants / 2; }
};

// nullptr for types that are no such format (F32, F16, BF16, codebooks).
[[nodiscard]] const GroupFormat* group_format(DType type);

inline constexpr int kMaxGroups = 16;
inline constexpr int kMaxBlock = 256;

struct BlockParts {
  uint16_t d = 0;     // f16
  uint16_t dmin = 0;  // f16
  int16_t scales[kMaxGroups] = {};
  int16_t mins[kMaxGroups] = {};
  uint8_t quants[kMaxBlock] = {};
};

// One block of the format.
void pack_parts(const GroupFormat& format, const BlockParts& parts, std::byte* out);

// The weights of group g with quant 0 and what each quant adds: weight = step * level(quant) - low,
// where level is the quant itself (offset, affine), quant - zero (symmetric) or
// values[quant].
struct GroupValues {
  float step = 0;
  float low = 0;
};
[[nodiscard]] GroupValues group_values(const GroupFormat& format, const BlockParts& parts, int g);
[[nodiscard]] int level_of(const GroupFormat& format, int quant);

}  // namespace hearth
