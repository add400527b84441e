// The panels of the prompt path on AVX-512: what the formats share that say how 64 quants and their
// 16 lane scales come out of the file.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/blocks.h"
#include "tensor/dtype.h"
#include "tensor/kernels/isa_avx512.h"

namespace hearth {
namespace {

struct Step {
  __m512i quants;  // unsigned
  __m512 scale;    // for each lane of 4 quants
  __m512 min;      // added, when the format has one
};

// --- Blocks of 32: a unit is two blocks, one vector. ---

HEARTH_INLINE __m512i load_halves(const uint8_t* first, const uint8_t* second) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(second));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// 16 bytes of each block, low halves before high halves: the order of the weights.
HEARTH_INLINE __m512i nibbles(const uint8_t* first, const uint8_t* second) {
  const __m256i a =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(first)));
  const __m256i b =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(second)));
  const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
  const __m512i shifts = _mm512_setr_epi64(0, 0, 4, 4, 0, 0, 4, 4);
  return _mm512_and_si512(_mm512_srlv_epi64(both, shifts), _mm512_set1_epi8(15));
}

HEARTH_INLINE __m512 half_lanes(uint16_t first, uint16_t second) {
  const __m128i a = _mm_set1_epi16(static_cast<short>(first));
  const __m128i b = _mm_set1_epi16(static_cast<short>(second));
  return _mm512_cvtph_ps(_mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1));
}

template <class Block>
struct PairRow {
  const Block* blocks;
  HEARTH_INLINE void begin(const std::byte* unit) { blocks = reinterpret_cast<const Block*>(unit); }
  HEARTH_INLINE __m512 scale() const { return half_lanes(blocks[0].d_f16, blocks[1].d_f16); }
  HEARTH_INLINE __m512i low_quants() const { return nibbles(blocks[0].quants, blocks[1].quants); }
  // The fifth bit of each quant, as 16.
  HEARTH_INLINE __m512i with_high_bits(__m512i quants) const {
    uint32_t first, second;
    std::memcpy(&first, blocks[0].high, sizeof first);
    std::memcpy(&second, blocks[1].high, sizeof second);
    const __mmask64 mask = static_cast<uint64_t>(second) << 32 | first;
    return _mm512_mask_add_epi8(quants, mask, quants, _mm512_set1_epi8(16));
  }
};

template <class Block, int offset, bool has_min>
struct PairFormat {
  static constexpr size_t kUnit = 64;
  static constexpr int kSteps = 1;
  static constexpr size_t kUnitBytes = 2 * sizeof(Block);
  static constexpr int kOffset = offset;
  static constexpr bool kHasMin = has_min;
  static constexpr int kGroup = 32;
};

// --- Blocks of 256: a unit is one block, four vectors of two 32-groups (2s and 2s + 1). ---

template <class Block, int offset, bool has_min, int group>
struct SuperFormat {
  static constexpr size_t kUnit = kSuperBlock;
  static constexpr int kSteps = 4;
  static constexpr size_t kUnitBytes = sizeof(Block);
  static constexpr int kOffset = offset;
  static constexpr bool kHasMin = has_min;
  static constexpr int kGroup = group;
};

HEARTH_INLINE __m512i twice(const uint8_t* from) {
  return _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// Bits from..from+7 of the first 32 bytes and second..second+7 of the other 32, under a byte mask.
template <int kFirst, int kSecond, int kMask>
HEARTH_INLINE __m512i shifted(__m512i bytes) {
  const __m512i shifts =
      _mm512_setr_epi64(kFirst, kFirst, kFirst, kFirst, kSecond, kSecond, kSecond, kSecond);
  return _mm512_and_si512(_mm512_srlv_epi64(bytes, shifts), _mm512_set1_epi8(kMask));
}

// Adds kValue to each quant whose bit 2s (first 32) or 2s + 1 (second 32) of `bits` is set.
template <int s, int kValue>
HEARTH_INLINE __m512i with_bit_plane(__m512i quants, __m512i bits) {
  const __m512i first = _mm512_set1_epi8(static_cast<char>(1 << (2 * s)));
  const __m512i second = _mm512_set1_epi8(static_cast<char>(1 << (2 * s + 1)));
  const __m512i plane = _mm512_mask_blend_epi64(0xF0, first, second);
  const __mmask64 set = _mm512_test_epi8_mask(bits, plane);
  return _mm512_mask_add_epi8(quants, set, quants, _mm512_set1_epi8(kValue));
}

// Lanes of step s when there is one scale for 16 weights: 4 lanes each of entries 4s to 4s + 3.
template <int s>
HEARTH_INLINE __m512 lanes_of_16(__m512 table) {
  constexpr int a = 4 * s;
  const __m512i index = _mm512_setr_epi32(a, a, a, a, a + 1, a + 1, a + 1, a + 1, a + 2, a + 2,
                                          a + 2, a + 2, a + 3, a + 3, a + 3, a + 3);
  return _mm512_permutexvar_ps(index, table);
}

// Lanes of step s when there is one scale for 32 weights: 8 lanes each of entries first and first
// + 1.
template <int kEntry>
HEARTH_INLINE __m512 lanes_of_32(__m512 table) {
  constexpr int a = kEntry, b = kEntry + 1;
  const __m512i index = _mm512_setr_epi32(a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b);
  return _mm512_permutexvar_ps(index, table);
}

template <DType>
struct Format;

}  // namespace
}  // namespace hearth
