// Quantized weights whose quants come out of tables, in vectors of 32 quants: the formats of
// isa_avx2.h for the IQ, ternary and FP4 types. Points of a codebook are loaded one by one, as the
// bytes that they stand for; gathering them is not faster.
#pragma once

#include "tensor/kernels/codebook_words.h"
#include "tensor/kernels/isa_avx2.h"

namespace hearth {
namespace {

constexpr auto kIq1Bytes = bytes_of_8(kIq1Points, kIq1Levels);
constexpr auto kIq2XxsBytes = bytes_of_8(kIq2XxsPoints, kIq2Levels);
constexpr auto kIq2XsBytes = bytes_of_8(kIq2XsPoints, kIq2Levels);
constexpr auto kIq2SBytes = bytes_of_8(kIq2SPoints, kIq2Levels);
constexpr auto kIq3XxsBytes = bytes_of_4(kIq3XxsPoints, kIq3XxsLevels);
constexpr auto kIq3SBytes = bytes_of_4(kIq3SPoints, kIq3SLevels);

using SignedStep = StepOf<SignedQuants>;

// 32 weights: four points of 8, point(l) being the bytes of the l-th.
template <class Point>
HEARTH_INLINE __m256i four_points(Point point) {
  const auto p = [&](int l) { return static_cast<long long>(point(l)); };
  return _mm256_setr_epi64x(p(0), p(1), p(2), p(3));
}
// Eight points of 4.
template <class Point>
HEARTH_INLINE __m256i eight_points(Point point) {
  const auto p = [&](int k) { return static_cast<int>(point(k)); };
  return _mm256_setr_epi32(p(0), p(1), p(2), p(3), p(4), p(5), p(6), p(7));
}

// The bytes of 32 weights, turned where those of `minus` are all ones.
HEARTH_INLINE SignedQuants turned(__m256i bytes, __m256i minus) {
  return {_mm256_sub_epi8(_mm256_xor_si256(bytes, minus), minus)};
}
HEARTH_INLINE SignedQuants with_signs(__m256i bytes, uint32_t signs) {
  return turned(bytes, bytes_of_bits(signs));
}

// The bytes of a run of 8 weights, all ones for a minus, for each seven signs.
struct SignBytes {
  uint64_t at[128];
};
constexpr SignBytes sign_bytes() {
  SignBytes bytes{};
  for (uint32_t seven = 0; seven < 128; ++seven) {
    for (int j = 0; j < 8; ++j) {
      if ((eight_signs(seven) >> j & 1) != 0) bytes.at[seven] |= uint64_t{255} << (8 * j);
    }
  }
  return bytes;
}
constexpr SignBytes kSignBytes = sign_bytes();

// With four times 7 signs in a word.
HEARTH_INLINE SignedQuants with_sevens(__m256i bytes, uint32_t word) {
  return turned(bytes, four_points([&](int l) { return kSignBytes.at[word >> 7 * l & 127]; }));
}

// 8 scales as floats, one for 32 weights.
struct Scales8 {
  __m256 table;

  HEARTH_INLINE void set(__m256i ints, float factor) {
    table = _mm256_mul_ps(_mm256_set1_ps(factor), _mm256_cvtepi32_ps(ints));
  }
  // factor * (2 s + 1)
  HEARTH_INLINE void set_odd(__m256i s, float factor) {
    set(_mm256_or_si256(_mm256_slli_epi32(s, 1), _mm256_set1_epi32(1)), factor);
  }
  template <int s>
  HEARTH_INLINE __m256 lanes() const {
    return _mm256_permutevar8x32_ps(table, _mm256_set1_epi32(s));
  }
};

// 16 bytes: 2 s + 1 for the 16 halves s of 8 bytes, low before high.
HEARTH_INLINE __m128i odd_halves(const uint8_t* from) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  const __m128i low = _mm_set1_epi8(15);
  const __m128i s =
      _mm_unpacklo_epi8(_mm_and_si128(bytes, low), _mm_and_si128(_mm_srli_epi16(bytes, 4), low));
  return _mm_or_si128(_mm_add_epi8(s, s), _mm_set1_epi8(1));
}

HEARTH_INLINE __m256i load_256(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

template <class Block>
struct BookRow {
  const Block* block;
  HEARTH_INLINE void begin_block(const std::byte* unit) {
    block = reinterpret_cast<const Block*>(unit);
  }
  HEARTH_INLINE float d() const { return _cvtsh_ss(block->d_f16); }
};

template <>
struct Format<DType::IQ2_XXS> : SuperFormat<BlockIQ2_XXS, 0, false, 32> {
  struct Row : BookRow<BlockIQ2_XXS> {
    Scales8 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      begin_block(unit);
      // The odd words of 16.
      const __m256i mixed = _mm256_castps_si256(
          _mm256_shuffle_ps(_mm256_castsi256_ps(load_256(block->groups[0])),
                            _mm256_castsi256_ps(load_256(block->groups[4])), 0xDD));
      const __m256i words = _mm256_permute4x64_epi64(mixed, 0xD8);
      scales.set_odd(_mm256_srli_epi32(words, 28), d() * 0.125f);
    }
    template <int s>
    HEARTH_INLINE SignedStep step() const {
      const uint8_t* group = block->groups[s];
      const __m256i bytes = four_points([&](int l) { return kIq2XxsBytes.at[group[l]]; });
      return {with_sevens(bytes, number_at<uint32_t>(group + 4)), scales.lanes<s>(),
              _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::IQ2_XS> : SuperFormat<BlockIQ2_XS, 0, false, 16> {
  struct Row : BookRow<BlockIQ2_XS> {
    Scales16 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      begin_block(unit);
      scales.set(odd_halves(block->scales), d() * 0.125f);
    }
    template <int s>
    HEARTH_INLINE SignedStep step() const {
      const auto word = [&](int l) { return number_at<uint16_t>(block->words[4 * s + l]); };
      const __m256i bytes = four_points([&](int l) { return kIq2XsBytes.at[word(l) & 511]; });
      const __m256i minus = four_points([&](int l) { return kSignBytes.at[word(l) >> 9]; });
      return {turned(bytes, minus), scales.lanes_of_16<s>(), _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::IQ2_S> : SuperFormat<BlockIQ2_S, 0, false, 16> {
  struct Row : BookRow<BlockIQ2_S> {
    Scales16 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      begin_block(unit);
      scales.set(odd_halves(block->scales), d() * 0.125f);
    }
    template <int s>
    HEARTH_INLINE SignedStep step() const {
      const unsigned high = block->high[s];
      const __m256i bytes = four_points([&](int l) {
        return kIq2SBytes.at[block->points[4 * s + l] | (high << (8 - 2 * l) & 0x300)];
      });
      return {with_signs(bytes, number_at<uint32_t>(block->signs + 4 * s)), scales.lanes_of_16<s>(),
              _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::IQ3_XXS> : SuperFormat<BlockIQ3_XXS, 0, false, 32> {
  struct Row : BookRow<BlockIQ3_XXS> {
    Scales8 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      begin_block(unit);
      scales.set_odd(_mm256_srli_epi32(load_256(block->signs), 28), d() * 0.25f);
    }
    template <int s>
    HEARTH_INLINE SignedStep step() const {
      const uint8_t* points = block->points + 8 * s;
      const __m256i bytes = eight_points([&](int k) { return kIq3XxsBytes.at[points[k]]; });
      return {with_sevens(bytes, number_at<uint32_t>(block->signs[s])), scales.lanes<s>(),
              _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::IQ3_S> : SuperFormat<BlockIQ3_S, 0, false, 32> {
  struct Row : BookRow<BlockIQ3_S> {
    Scales8 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      begin_block(unit);
      const __m256i halves = _mm256_srlv_epi32(_mm256_set1_epi32(number_at<int>(block->scales)),
                                               _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
      scales.set_odd(_mm256_and_si256(halves, _mm256_set1_epi32(15)), d());
    }
    template <int s>
    HEARTH_INLINE SignedStep step() const {
      const uint8_t* points = block->points + 8 * s;
      const unsigned high = block->high[s];
      const __m256i bytes =
          eight_points([&](int k) { return kIq3SBytes.at[points[k] | (high << (8 - k) & 0x100)]; });
      return {with_signs(bytes, number_at<uint32_t>(block->signs + 4 * s)), scales.lanes<s>(),
              _mm256_setzero_ps()};
    }
  };
};

// What a point of IQ1 is raised by.
constexpr uint64_t kRaised = 0x0202020202020202;

template <>
struct Format<DType::IQ1_S> : SuperFormat<BlockIQ1_S, kIq1Offset, false, 32> {
  struct Row : BookRow<BlockIQ1_S> {
    Scales8 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      begin_block(unit);
      const __m256i high =
          _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block->high[0])));
      scales.set_odd(_mm256_and_si256(_mm256_srli_epi32(high, 12), _mm256_set1_epi32(7)),
                     d() * 0.125f);
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      const unsigned high = number_at<uint16_t>(block->high[s]);
      const uint64_t raised = high >> 15 != 0 ? 0 : kRaised;
      const __m256i bytes = four_points([&](int l) {
        return kIq1Bytes.at[block->points[4 * s + l] | (high >> 3 * l & 7) << 8] + raised;
      });
      return {{bytes}, scales.lanes<s>(), _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::IQ1_M> : SuperFormat<BlockIQ1_M, kIq1Offset, false, 16> {
  struct Row : BookRow<BlockIQ1_M> {
    Scales16 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      begin_block(unit);
      uint32_t words[4];
      for (int i = 0; i < 4; ++i) {
        const uint32_t w = number_at<uint16_t>(block->scales + 2 * i);
        const uint32_t s = (w & 7) | (w & 0x38) << 5 | (w & 0x1C0) << 10 | (w & 0xE00) << 15;
        words[i] = 2 * s | 0x01010101;
      }
      scales.set(number_at<__m128i>(words), _cvtsh_ss(d_f16_of(*block)) * 0.125f);
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      const unsigned high = number_at<uint16_t>(block->high + 2 * s);
      const __m256i bytes = four_points([&](int l) {
        const unsigned half = high >> 4 * l & 15;
        return kIq1Bytes.at[block->points[4 * s + l] | (half & 7) << 8] +
               ((half & 8) != 0 ? 0 : kRaised);
      });
      return {{bytes}, scales.lanes_of_16<s>(), _mm256_setzero_ps()};
    }
  };
};

// What 16 numbers stand for.
HEARTH_INLINE SignedQuants values_of(__m256i numbers, const int8_t (&values)[16]) {
  const __m256i table =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values)));
  return {_mm256_shuffle_epi8(table, numbers)};
}

template <>
struct Format<DType::IQ4_NL> : SmallFormat<BlockIQ4_NL, 0, false> {
  static constexpr bool kEightBits = true;
  struct Row : SmallRow<BlockIQ4_NL> {
    template <int>
    HEARTH_INLINE SignedStep step() const {
      return {values_of(low_quants(), kIq4Values), scale(), _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::IQ4_XS> : SuperFormat<BlockIQ4_XS, 0, false, 32> {
  static constexpr bool kEightBits = true;
  struct Row : BookRow<BlockIQ4_XS> {
    Scales8 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      begin_block(unit);
      const __m256i low = _mm256_srlv_epi32(_mm256_set1_epi32(number_at<int>(block->scales_low)),
                                            _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
      const __m256i high =
          _mm256_srlv_epi32(_mm256_set1_epi32(number_at<uint16_t>(block->scales_high)),
                            _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14));
      const __m256i six =
          _mm256_or_si256(_mm256_and_si256(low, _mm256_set1_epi32(15)),
                          _mm256_slli_epi32(_mm256_and_si256(high, _mm256_set1_epi32(3)), 4));
      scales.set(_mm256_sub_epi32(six, _mm256_set1_epi32(32)), d());
    }
    template <int s>
    HEARTH_INLINE SignedStep step() const {
      return {values_of(nibbles(block->quants + 16 * s), kIq4Values), scales.lanes<s>(),
              _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::TQ1_0> : SuperFormat<BlockTQ1_0, 1, false, 32> {
  struct Row : BookRow<BlockTQ1_0> {
    HEARTH_INLINE void begin(const std::byte* unit) { begin_block(unit); }

    // The first digits of bytes that were multiplied by powers of 3, a power for each 32-bit lane,
    // and so lost the digits before.
    static HEARTH_INLINE __m256i digits(__m256i bytes, __m256i powers) {
      const __m256i even = _mm256_mullo_epi16(bytes, powers);
      const __m256i odd = _mm256_mullo_epi16(_mm256_srli_epi16(bytes, 8), powers);
      const __m256i q =
          _mm256_blendv_epi8(even, _mm256_slli_epi16(odd, 8), _mm256_set1_epi16(-256));
      // 3 q / 256 is 0 below 86, 1 below 171.
      const auto at_least = [&](int value) {
        const __m256i bound = _mm256_set1_epi8(static_cast<char>(value));
        return _mm256_cmpeq_epi8(_mm256_max_epu8(q, bound), q);
      };
      return _mm256_sub_epi8(_mm256_setzero_si256(), _mm256_add_epi8(at_least(86), at_least(171)));
    }
    // The same power for both words of a lane.
    static constexpr int twice(int power) { return power << 16 | power; }

    template <int s>
    HEARTH_INLINE Step step() const {
      const auto halves = [](int first, int second) {
        return _mm256_inserti128_si256(_mm256_set1_epi32(twice(first)),
                                       _mm_set1_epi32(twice(second)), 1);
      };
      constexpr int kPowers[] = {1, 3, 9, 27, 81};
      __m256i bytes, powers;
      if constexpr (s < 5) {
        bytes = load_256(block->quants);
        powers = _mm256_set1_epi32(twice(kPowers[s]));
      } else {
        const __m128i rest = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->quants + 32));
        if constexpr (s < 7) {
          bytes = _mm256_broadcastsi128_si256(rest);
          powers = halves(kPowers[2 * (s - 5)], kPowers[2 * (s - 5) + 1]);
        } else {
          bytes = _mm256_inserti128_si256(_mm256_castsi128_si256(rest),
                                          _mm_set1_epi32(number_at<int>(block->last)), 1);
          powers = _mm256_setr_epi32(twice(81), twice(81), twice(81), twice(81), twice(1), twice(3),
                                     twice(9), twice(27));
        }
      }
      return {{digits(bytes, powers)}, _mm256_set1_ps(d()), _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::TQ2_0> : SuperFormat<BlockTQ2_0, 1, false, 32> {
  struct Row : BookRow<BlockTQ2_0> {
    HEARTH_INLINE void begin(const std::byte* unit) { begin_block(unit); }
    template <int s>
    HEARTH_INLINE Step step() const {
      const __m256i quants = shifted<2 * (s % 4), 3>(block->quants + 32 * (s / 4));
      return {{quants}, _mm256_set1_ps(d()), _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::Q1_0> {
  static constexpr size_t kUnit = kBlock128;
  static constexpr int kSteps = 4;
  static constexpr size_t kUnitBytes = sizeof(BlockQ1_0);
  static constexpr int kOffset = 1;
  static constexpr bool kHasMin = false;
  static constexpr int kGroup = 32;
  static constexpr bool kEightBits = false;

  struct Row : BookRow<BlockQ1_0> {
    HEARTH_INLINE void begin(const std::byte* unit) { begin_block(unit); }
    template <int s>
    HEARTH_INLINE Step step() const {
      const __m256i set = bytes_of_bits(number_at<uint32_t>(block->bits + 4 * s));
      return {
          {_mm256_and_si256(set, _mm256_set1_epi8(2))}, _mm256_set1_ps(d()), _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::Q2_0> {
  static constexpr size_t kUnit = kBlock64;
  static constexpr int kSteps = 2;
  static constexpr size_t kUnitBytes = sizeof(BlockQ2_0);
  static constexpr int kOffset = 1;
  static constexpr bool kHasMin = false;
  static constexpr int kGroup = 32;
  static constexpr bool kEightBits = false;

  struct Row : BookRow<BlockQ2_0> {
    HEARTH_INLINE void begin(const std::byte* unit) { begin_block(unit); }
    template <int s>
    HEARTH_INLINE Step step() const {
      // A byte in each lane, moved up by 6, 12 and 18 bits: two bits of it in each byte.
      const __m256i x = _mm256_cvtepu8_epi32(
          _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block->quants + 8 * s)));
      const __m256i two = _mm256_or_si256(x, _mm256_slli_epi32(x, 12));
      const __m256i four = _mm256_or_si256(two, _mm256_slli_epi32(two, 6));
      return {
          {_mm256_and_si256(four, _mm256_set1_epi8(3))}, _mm256_set1_ps(d()), _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::MXFP4> : SmallFormat<BlockMXFP4, 0, false> {
  struct Row : SmallRow<BlockMXFP4> {
    template <int>
    HEARTH_INLINE SignedStep step() const {
      const __m256 scale = _mm256_set1_ps(half_scale_mxfp4(block->exponent));
      return {values_of(low_quants(), kFp4Values), scale, _mm256_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::NVFP4> {
  static constexpr size_t kUnit = kBlock64;
  static constexpr int kSteps = 2;
  static constexpr size_t kUnitBytes = sizeof(BlockNVFP4);
  static constexpr int kOffset = 0;
  static constexpr bool kHasMin = false;
  static constexpr int kGroup = 16;
  static constexpr bool kEightBits = false;

  struct Row {
    const BlockNVFP4* block;
    __m256 scales;  // the first four lanes

    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockNVFP4*>(unit);
      const __m128i bytes = _mm_cvtepu8_epi16(_mm_cvtsi32_si128(number_at<int>(block->scales)));
      scales = _mm256_castps128_ps256(half_scales_nvfp4(bytes));
    }
    // half_scale_nvfp4 is the definition.
    static HEARTH_INLINE __m128 half_scales_nvfp4(__m128i words) {
      const __m128i no_number = _mm_cmpeq_epi16(words, _mm_set1_epi16(0x7F));
      const __m128i half = _mm_slli_epi16(_mm_and_si128(words, _mm_set1_epi16(0x7F)), 7);
      return _mm_mul_ps(_mm_cvtph_ps(_mm_andnot_si128(no_number, half)), _mm_set1_ps(0x1p7f));
    }
    template <int s>
    HEARTH_INLINE SignedStep step() const {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->quants[2 * s]));
      const __m128i mask = _mm_set1_epi8(15);
      const __m128i low = _mm_and_si128(bytes, mask);
      const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), mask);
      const __m256i numbers = _mm256_inserti128_si256(
          _mm256_castsi128_si256(_mm_unpacklo_epi64(low, high)), _mm_unpackhi_epi64(low, high), 1);
      constexpr int a = 2 * s, b = a + 1;
      return {values_of(numbers, kFp4Values),
              _mm256_permutevar8x32_ps(scales, _mm256_setr_epi32(a, a, a, a, b, b, b, b)),
              _mm256_setzero_ps()};
    }
  };
};

}  // namespace
}  // namespace hearth
