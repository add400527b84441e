#include "tensor/codebook_parts.h"

#include <cstring>

#include "tensor/blocks.h"

namespace hearth {
namespace {

template <class Block>
void put(const Block& block, std::byte* out) {
  std::memcpy(out, &block, sizeof block);
}

uint8_t byte_of(unsigned value) { return static_cast<uint8_t>(value & 255); }

void put_word16(unsigned word, uint8_t* out) {
  out[0] = byte_of(word);
  out[1] = byte_of(word >> 8);
}

// Four times seven signs and a scale on top.
void put_signs_and_scale(const uint8_t* signs, unsigned scale, uint8_t* out) {
  uint32_t word = scale << 28;
  for (int r = 0; r < 4; ++r) word |= (signs[r] & 127u) << (7 * r);
  put_word16(word, out);
  put_word16(word >> 16, out + 2);
}

template <size_t bytes>
void put_halves(const uint8_t* values, uint8_t (&out)[bytes]) {
  for (size_t i = 0; i < bytes; ++i)
    out[i] = byte_of(values[2 * i] | unsigned{values[2 * i + 1]} << 4);
}

void pack_iq2_xxs(const CodebookParts& parts, std::byte* out) {
  BlockIQ2_XXS block{};
  block.d_f16 = parts.d;
  for (int g = 0; g < 8; ++g) {
    for (int r = 0; r < 4; ++r) block.groups[g][r] = byte_of(parts.points[4 * g + r]);
    put_signs_and_scale(parts.signs + 4 * g, parts.scales[g], block.groups[g] + 4);
  }
  put(block, out);
}

void pack_iq2_xs(const CodebookParts& parts, std::byte* out) {
  BlockIQ2_XS block{};
  block.d_f16 = parts.d;
  for (int r = 0; r < kRunsOfBlock; ++r)
    put_word16(parts.points[r] | (parts.signs[r] & 127u) << 9, block.words[r]);
  put_halves(parts.scales, block.scales);
  put(block, out);
}

void pack_iq2_s(const CodebookParts& parts, std::byte* out) {
  BlockIQ2_S block{};
  block.d_f16 = parts.d;
  for (int r = 0; r < kRunsOfBlock; ++r) {
    block.points[r] = byte_of(parts.points[r]);
    block.high[r / 4] |= byte_of((unsigned{parts.points[r]} >> 8) << (2 * (r % 4)));
    block.signs[r] = parts.signs[r];
  }
  put_halves(parts.scales, block.scales);
  put(block, out);
}

void pack_iq3_xxs(const CodebookParts& parts, std::byte* out) {
  BlockIQ3_XXS block{};
  block.d_f16 = parts.d;
  for (int p = 0; p < 64; ++p) block.points[p] = byte_of(parts.points[p]);
  for (int g = 0; g < 8; ++g)
    put_signs_and_scale(parts.signs + 4 * g, parts.scales[g], block.signs[g]);
  put(block, out);
}

void pack_iq3_s(const CodebookParts& parts, std::byte* out) {
  BlockIQ3_S block{};
  block.d_f16 = parts.d;
  for (int p = 0; p < 64; ++p) {
    block.points[p] = byte_of(parts.points[p]);
    block.high[p / 8] |= byte_of((unsigned{parts.points[p]} >> 8) << (p % 8));
  }
  std::memcpy(block.signs, parts.signs, sizeof block.signs);
  put_halves(parts.scales, block.scales);
  put(block, out);
}

// Of 32 weights: the upper 3 bits of four points, a scale of 3 bits, the sign of what moves them.
void pack_iq1_s(const CodebookParts& parts, std::byte* out) {
  BlockIQ1_S block{};
  block.d_f16 = parts.d;
  for (int g = 0; g < 8; ++g) {
    unsigned word = parts.scales[g] * 0x1000u | (parts.signs[4 * g] & 1u) << 15;
    for (int r = 0; r < 4; ++r) {
      const unsigned point = parts.points[4 * g + r];
      block.points[4 * g + r] = byte_of(point);
      word |= (point >> 8) << (3 * r);
    }
    put_word16(word, block.high[g]);
  }
  put(block, out);
}

void pack_iq1_m(const CodebookParts& parts, std::byte* out) {
  BlockIQ1_M block{};
  for (int r = 0; r < kRunsOfBlock; ++r) {
    const unsigned point = parts.points[r];
    block.points[r] = byte_of(point);
    block.high[r / 2] |= byte_of((point >> 8 | (parts.signs[r] & 1u) << 3) << (4 * (r % 2)));
  }
  for (int w = 0; w < 4; ++w) {
    unsigned word = ((unsigned{parts.d} >> (4 * w)) & 15) << 12;
    for (int g = 0; g < 4; ++g) word |= static_cast<unsigned>(parts.scales[4 * w + g]) << (3 * g);
    put_word16(word, block.scales + 2 * w);
  }
  put(block, out);
}

}  // namespace

bool is_codebook(DType type) {
  return type == DType::IQ2_XXS || type == DType::IQ2_XS || type == DType::IQ2_S ||
         type == DType::IQ3_XXS || type == DType::IQ3_S || type == DType::IQ1_S ||
         type == DType::IQ1_M;
}

void pack_codebook(DType type, const CodebookParts& parts, std::byte* out) {
  switch (type) {
    case DType::IQ2_XXS:
      return pack_iq2_xxs(parts, out);
    case DType::IQ2_XS:
      return pack_iq2_xs(parts, out);
    case DType::IQ2_S:
      return pack_iq2_s(parts, out);
    case DType::IQ3_XXS:
      return pack_iq3_xxs(parts, out);
    case DType::IQ3_S:
      return pack_iq3_s(parts, out);
    case DType::IQ1_S:
      return pack_iq1_s(parts, out);
    case DType::IQ1_M:
      return pack_iq1_m(parts, out);
    default:
      return;  // no codebook: callers have checked
  }
}

}  // namespace hearth
