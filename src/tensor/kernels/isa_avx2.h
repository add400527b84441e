// Quantized weights in vectors of 32 quants: what quant_tile.h and panel_gemm.h ask of AVX2, with
// AVX-VNNI or without it. Both give the same bits, because integer sums are exact.
//
// Without it the 16-bit sums of vpmaddubsw must not saturate: quants are at most 63 (2 * 63 * 127 <
// 32768), and Q8_0 is multiplied as |weight| times the activation with the weight's sign (2 * 128 *
// 127 < 32768).
#pragma once

#include <immintrin.h>

#include "tensor/blocks.h"
#include "tensor/kernels/pack_columns.h"
#include "tensor/kernels/panel_float.h"
#include "tensor/kernels/panel_gemm.h"
#include "tensor/kernels/quant_tile.h"
#include "tensor/kernels/scale_decode.h"
#include "tensor/kernels/simd_avx2.h"
#include "tensor/kernels/vector_ops.h"

namespace hearth {
namespace {

struct UnsignedQuants {
  __m256i bytes;
};
struct SignedQuants {
  __m256i bytes;
};

struct Isa256 {
  static constexpr size_t kStep = 32;
  using Floats = __m256;
  using Ints = __m256i;

  struct Column {
    __m256i quants;
    __m256 scale;

    HEARTH_INLINE void load(const int8_t* from, const float* scales) {
      quants = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      scale = _mm256_broadcast_ss(scales);
    }
  };

  static HEARTH_INLINE Floats zero() { return _mm256_setzero_ps(); }
  static HEARTH_INLINE Ints int_zero() { return _mm256_setzero_si256(); }
  static HEARTH_INLINE Floats mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static HEARTH_INLINE Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  static HEARTH_INLINE Floats to_float(Ints a) { return _mm256_cvtepi32_ps(a); }
  static HEARTH_INLINE float sum(Floats a) { return Avx2::sum(a); }
  static HEARTH_INLINE Ints fours(__m256i weights, __m256i quants) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(weights, quants), _mm256_set1_epi16(1));
  }
  static HEARTH_INLINE Ints dot(Ints acc, UnsignedQuants weights, const Column& column) {
    return _mm256_add_epi32(acc, fours(weights.bytes, column.quants));
  }
  static HEARTH_INLINE Ints dot(Ints acc, SignedQuants weights, const Column& column) {
    const __m256i turned = _mm256_sign_epi8(column.quants, weights.bytes);
    return _mm256_add_epi32(acc, fours(_mm256_abs_epi8(weights.bytes), turned));
  }
  static HEARTH_INLINE Ints dot_ones(const Column& column) {
    return fours(_mm256_set1_epi8(1), column.quants);
  }
  template <int kOffset>
  static HEARTH_INLINE Ints minus_offset(const Column& column) {
    if constexpr (kOffset == 0) return int_zero();
    const __m256i offsets = _mm256_set1_epi8(static_cast<char>(kOffset));
    return _mm256_sub_epi32(int_zero(), fours(offsets, column.quants));
  }

  // --- For panels. ---
  static constexpr size_t kLanes = 8;
  static constexpr size_t kRowVectors = 2;
  static constexpr size_t kTileColumns = 4;

  static HEARTH_INLINE Ints bytes(int value) { return _mm256_set1_epi8(static_cast<char>(value)); }
  static HEARTH_INLINE Floats set(float value) { return _mm256_set1_ps(value); }
  static HEARTH_INLINE Ints sub(Ints a, Ints b) { return _mm256_sub_epi32(a, b); }
  static HEARTH_INLINE Ints load_ints(const void* from) {
    return _mm256_load_si256(static_cast<const __m256i*>(from));
  }
  static HEARTH_INLINE Floats load_floats(const float* from) { return _mm256_load_ps(from); }
  static HEARTH_INLINE void store_ints(void* to, Ints a) {
    _mm256_store_si256(static_cast<__m256i*>(to), a);
  }
  static HEARTH_INLINE void store_floats(float* to, Floats a) { _mm256_store_ps(to, a); }
  static HEARTH_INLINE Ints broadcast(const uint8_t* four) {
    int word;
    std::memcpy(&word, four, sizeof word);
    return _mm256_set1_epi32(word);
  }
  // Without VNNI, weights of at most 7 bits keep the 16-bit sums in range (2 * 255 * 64 < 32768);
  // those of 8 bits are widened first, even places apart from odd ones.
  template <class F>
  static HEARTH_INLINE Ints dot_packed(Ints acc, Ints activations, Ints weights) {
    if constexpr (kHasVnni || !F::kEightBits) return dot_bytes(acc, activations, weights);
    const Ints low_bytes = _mm256_set1_epi16(255);
    const Ints even = _mm256_madd_epi16(_mm256_and_si256(activations, low_bytes),
                                        _mm256_srai_epi16(_mm256_slli_epi16(weights, 8), 8));
    const Ints odd =
        _mm256_madd_epi16(_mm256_srli_epi16(activations, 8), _mm256_srai_epi16(weights, 8));
    return _mm256_add_epi32(acc, _mm256_add_epi32(even, odd));
  }
  template <int kOffset>
  static HEARTH_INLINE Ints to_signed(UnsignedQuants quants) {
    return _mm256_sub_epi8(quants.bytes, bytes(kOffset));
  }
  template <int>
  static HEARTH_INLINE Ints to_signed(SignedQuants quants) {
    return quants.bytes;
  }
  static HEARTH_INLINE void transpose(Ints (&m)[8]) { transpose_8x8(m); }
  static HEARTH_INLINE void transpose(Floats (&m)[8]) {
    Ints ints[8];
    unrolled<8>([&](auto i) { ints[i] = _mm256_castps_si256(m[i]); });
    transpose(ints);
    unrolled<8>([&](auto i) { m[i] = _mm256_castsi256_ps(ints[i]); });
  }
};

template <class Quants>
struct StepOf {
  Quants quants;
  __m256 scale;  // for each lane of 4 quants
  __m256 min;    // added, when the format has one
};
using Step = StepOf<UnsignedQuants>;

// --- Blocks of 32: a unit is one block, one vector. ---

HEARTH_INLINE __m256 all_lanes(uint16_t half) { return _mm256_set1_ps(_cvtsh_ss(half)); }

// 16 bytes, low halves before high halves.
HEARTH_INLINE __m256i nibbles(const uint8_t* from) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  const __m256i both =
      _mm256_inserti128_si256(_mm256_castsi128_si256(bytes), _mm_srli_epi16(bytes, 4), 1);
  return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

// All bits of byte i for bit i: byte i takes the byte i / 8 of `bits` and tests its bit i % 8.
HEARTH_INLINE __m256i bytes_of_bits(uint32_t bits) {
  const __m256i index =
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), index);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201));
  return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
}

template <class Block>
struct SmallRow {
  const Block* block;
  HEARTH_INLINE void begin(const std::byte* unit) { block = reinterpret_cast<const Block*>(unit); }
  HEARTH_INLINE __m256 scale() const { return all_lanes(block->d_f16); }
  HEARTH_INLINE __m256i low_quants() const { return nibbles(block->quants); }
  // The fifth bit of each quant, as 16.
  HEARTH_INLINE __m256i with_high_bits(__m256i quants) const {
    uint32_t high;
    std::memcpy(&high, block->high, sizeof high);
    return _mm256_or_si256(quants, _mm256_and_si256(bytes_of_bits(high), _mm256_set1_epi8(16)));
  }
};

template <class Block, int offset, bool has_min>
struct SmallFormat {
  static constexpr size_t kUnit = 32;
  static constexpr int kSteps = 1;
  static constexpr size_t kUnitBytes = sizeof(Block);
  static constexpr int kOffset = offset;
  static constexpr bool kHasMin = has_min;
  static constexpr int kGroup = 32;
  static constexpr bool kEightBits = false;
};

template <DType>
struct Format;

template <>
struct Format<DType::Q4_0> : SmallFormat<BlockQ4_0, 8, false> {
  struct Row : SmallRow<BlockQ4_0> {
    template <int>
    HEARTH_INLINE Step step() const {
      return {{low_quants()}, scale(), _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::Q4_1> : SmallFormat<BlockQ4_1, 0, true> {
  struct Row : SmallRow<BlockQ4_1> {
    template <int>
    HEARTH_INLINE Step step() const {
      return {{low_quants()}, scale(), all_lanes(block->m_f16)};
    }
  };
};

template <>
struct Format<DType::Q5_0> : SmallFormat<BlockQ5_0, 16, false> {
  struct Row : SmallRow<BlockQ5_0> {
    template <int>
    HEARTH_INLINE Step step() const {
      return {{with_high_bits(low_quants())}, scale(), _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::Q5_1> : SmallFormat<BlockQ5_1, 0, true> {
  struct Row : SmallRow<BlockQ5_1> {
    template <int>
    HEARTH_INLINE Step step() const {
      return {{with_high_bits(low_quants())}, scale(), all_lanes(block->m_f16)};
    }
  };
};

template <>
struct Format<DType::Q8_0> : SmallFormat<BlockQ8_0, 0, false> {
  static constexpr bool kEightBits = true;
  struct Row : SmallRow<BlockQ8_0> {
    template <int>
    HEARTH_INLINE StepOf<SignedQuants> step() const {
      const __m256i quants = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block->quants));
      return {{quants}, scale(), _mm256_setzero_ps()};
    }
  };
};

// --- Blocks of 256: a unit is one block, eight vectors, vector s holding 32-group s. ---

template <class Block, int offset, bool has_min, int group>
struct SuperFormat {
  static constexpr size_t kUnit = kSuperBlock;
  static constexpr int kSteps = 8;
  static constexpr size_t kUnitBytes = sizeof(Block);
  static constexpr int kOffset = offset;
  static constexpr bool kHasMin = has_min;
  static constexpr int kGroup = group;
  static constexpr bool kEightBits = false;
};

// Bits from..from+7 of 32 bytes, under a byte mask.
template <int kShift, int kMask>
HEARTH_INLINE __m256i shifted(const uint8_t* from) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm256_and_si256(_mm256_srli_epi16(bytes, kShift), _mm256_set1_epi8(kMask));
}

// Adds kValue to each quant whose bit s of `bits` is set.
template <int s, int kValue>
HEARTH_INLINE __m256i with_bit_plane(__m256i quants, const uint8_t* bits) {
  const __m256i plane = _mm256_set1_epi8(static_cast<char>(1 << s));
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bits));
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, plane), plane);
  return _mm256_or_si256(quants, _mm256_and_si256(set, _mm256_set1_epi8(kValue)));
}

// 16 scales as floats, in two vectors.
struct Scales16 {
  __m256 table[2];

  HEARTH_INLINE void set(__m128i signed_bytes, float factor) {
    const __m256 d = _mm256_set1_ps(factor);
    table[0] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(signed_bytes)));
    table[1] =
        _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(signed_bytes, 8))));
  }
  // Lanes of vector s when there is one scale for 16 weights: 4 lanes each of entries 2s and 2s
  // + 1.
  template <int s>
  HEARTH_INLINE __m256 lanes_of_16() const {
    constexpr int a = 2 * s % 8, b = a + 1;
    return _mm256_permutevar8x32_ps(table[s / 4], _mm256_setr_epi32(a, a, a, a, b, b, b, b));
  }
};

// Q4_K and Q5_K: 8 scales in table[0]; 8 minimums with their sign turned, ready to add, in
// table[1].
template <class Block>
struct RowK4 {
  const Block* block;
  __m256 scales;
  __m256 mins;

  HEARTH_INLINE void begin(const std::byte* unit) {
    block = reinterpret_cast<const Block*>(unit);
    const __m128i bytes = decode_scales_k4(block->scales);
    scales =
        _mm256_mul_ps(all_lanes(block->d_f16), _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)));
    mins = _mm256_mul_ps(_mm256_set1_ps(-_cvtsh_ss(block->dmin_f16)),
                         _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))));
  }
  template <int s>
  HEARTH_INLINE __m256i low_quants() const {
    return shifted<4 * (s % 2), 15>(block->quants + 32 * (s / 2));
  }
  template <int s>
  HEARTH_INLINE Step with_scales(__m256i quants) const {
    const __m256i index = _mm256_set1_epi32(s);
    return {
        {quants}, _mm256_permutevar8x32_ps(scales, index), _mm256_permutevar8x32_ps(mins, index)};
  }
};

template <>
struct Format<DType::Q4_K> : SuperFormat<BlockQ4_K, 0, true, 32> {
  struct Row : RowK4<BlockQ4_K> {
    template <int s>
    HEARTH_INLINE Step step() const {
      return with_scales<s>(low_quants<s>());
    }
  };
};

template <>
struct Format<DType::Q5_K> : SuperFormat<BlockQ5_K, 0, true, 32> {
  struct Row : RowK4<BlockQ5_K> {
    template <int s>
    HEARTH_INLINE Step step() const {
      return with_scales<s>(with_bit_plane<s, 16>(low_quants<s>(), block->high));
    }
  };
};

template <>
struct Format<DType::Q6_K> : SuperFormat<BlockQ6_K, 32, false, 16> {
  struct Row {
    const BlockQ6_K* block;
    Scales16 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockQ6_K*>(unit);
      scales.set(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block->scales)),
                 _cvtsh_ss(block->d_f16));
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      constexpr int half = s / 4, quarter = s % 4;
      const __m256i low =
          shifted<4 * (quarter / 2), 15>(block->low + 64 * half + 32 * (quarter % 2));
      const __m256i high = shifted<2 * quarter, 3>(block->high + 32 * half);
      return {{_mm256_or_si256(low, _mm256_slli_epi16(high, 4))},
              scales.lanes_of_16<s>(),
              _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::Q2_K> : SuperFormat<BlockQ2_K, 0, true, 16> {
  struct Row {
    const BlockQ2_K* block;
    Scales16 scales;
    Scales16 mins;

    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockQ2_K*>(unit);
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->scales));
      const __m128i low = _mm_set1_epi8(15);
      scales.set(_mm_and_si128(bytes, low), _cvtsh_ss(block->d_f16));
      mins.set(_mm_and_si128(_mm_srli_epi16(bytes, 4), low), -_cvtsh_ss(block->dmin_f16));
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      const __m256i quants = shifted<2 * (s % 4), 3>(block->quants + 32 * (s / 4));
      return {{quants}, scales.lanes_of_16<s>(), mins.lanes_of_16<s>()};
    }
  };
};

template <>
struct Format<DType::Q3_K> : SuperFormat<BlockQ3_K, 4, false, 16> {
  struct Row {
    const BlockQ3_K* block;
    Scales16 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockQ3_K*>(unit);
      scales.set(decode_scales_k3(block->scales), _cvtsh_ss(block->d_f16));
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      const __m256i low = shifted<2 * (s % 4), 3>(block->quants + 32 * (s / 4));
      return {
          {with_bit_plane<s, 4>(low, block->high)}, scales.lanes_of_16<s>(), _mm256_setzero_ps()};
    }
  };
};

}  // namespace
}  // namespace hearth
