// What the codebook formats are read with on AVX-512.
//
// Nothing is loaded point by point. All numbers of points of a block stand in one or two vectors of
// 16-bit words; permutations look their points up in the codebook, 64 entries at a time, and give
// the points as words of levels (codebooks.h, in another order of the bits).
//
// 256 weights are 16 lanes of 16, in order, spread over four vectors. Vector v holds the weights
// 2v, 2v + 1, 2v + 8 and 2v + 9 of each lane's 16: two neighbours from each of two runs of 8. So a
// lane of points, signs or the like (two words, one for each run) is in place for every vector, and
// all that is left for it to do is a shift.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "tensor/blocks.h"
#include "tensor/kernels/codebook_words.h"
#include "tensor/kernels/lanes_avx512.h"

namespace hearth {
namespace {

// --- Codebooks. ---

// The even levels of a point in the low byte, the odd ones in the high byte: a shift of the word
// brings two neighbours to the bottom of two bytes.
template <size_t kPoints>
struct alignas(64) PointWords {
  uint16_t at[kPoints];
};
template <size_t kPoints>
constexpr PointWords<kPoints> words_of_8(const uint16_t (&points)[kPoints]) {
  PointWords<kPoints> words{};
  for (size_t i = 0; i < kPoints; ++i) {
    int word = 0;
    for (int j = 0; j < 8; ++j) word |= level_of_8(points[i], j) << (8 * (j % 2) + 2 * (j / 2));
    words.at[i] = static_cast<uint16_t>(word);
  }
  return words;
}
template <size_t kPoints>
constexpr PointWords<kPoints> words_of_4(const uint16_t (&points)[kPoints]) {
  PointWords<kPoints> words{};
  for (size_t i = 0; i < kPoints; ++i) {
    int word = 0;
    for (int j = 0; j < 4; ++j) word |= level_of_4(points[i], j) << (8 * (j % 2) + 3 * (j / 2));
    words.at[i] = static_cast<uint16_t>(word);
  }
  return words;
}

constexpr auto kIq1Words = words_of_8(kIq1Points);
constexpr auto kIq2XxsWords = words_of_8(kIq2XxsPoints);
constexpr auto kIq2XsWords = words_of_8(kIq2XsPoints);
constexpr auto kIq2SWords = words_of_8(kIq2SPoints);
constexpr auto kIq3XxsWords = words_of_4(kIq3XxsPoints);
constexpr auto kIq3SWords = words_of_4(kIq3SPoints);

// The words of 32 numbers of points. A permutation sees the lower 6 bits of a number; the others
// choose among permutations.
template <int kPoints>
HEARTH_INLINE __m512i look_up(const uint16_t* words, __m512i numbers) {
  if constexpr (kPoints == 64) {
    return _mm512_permutex2var_epi16(_mm512_load_si512(words), numbers,
                                     _mm512_load_si512(words + 32));
  } else {
    constexpr int kHalf = kPoints / 2;
    const __mmask32 upper = _mm512_test_epi16_mask(numbers, _mm512_set1_epi16(kHalf));
    return _mm512_mask_blend_epi16(upper, look_up<kHalf>(words, numbers),
                                   look_up<kHalf>(words + kHalf, numbers));
  }
}
template <size_t kPoints>
HEARTH_INLINE __m512i look_up(const PointWords<kPoints>& words, __m512i numbers) {
  return look_up<static_cast<int>(kPoints)>(words.at, numbers);
}

// The levels of vector v, from 32 points of 8.
template <int v>
HEARTH_INLINE __m512i levels_of_8(__m512i points) {
  return _mm512_and_si512(_mm512_srli_epi16(points, 2 * v), _mm512_set1_epi8(3));
}
// The same from 64 points of 4: those with the first weights of the runs, those with the last.
template <int v>
HEARTH_INLINE __m512i levels_of_4(__m512i first, __m512i last) {
  const __m512i points = v < 2 ? first : last;
  return _mm512_and_si512(_mm512_srli_epi16(points, 3 * (v % 2)), _mm512_set1_epi8(7));
}

// What levels stand for, plus an offset.
struct alignas(16) LevelBytes {
  uint8_t at[16];
};
template <size_t kLevels, class Level>
constexpr LevelBytes plus(int offset, const Level (&levels)[kLevels]) {
  LevelBytes bytes{};
  for (size_t i = 0; i < kLevels; ++i) bytes.at[i] = static_cast<uint8_t>(levels[i] + offset);
  return bytes;
}
HEARTH_INLINE __m512i bytes_of(__m512i levels, const LevelBytes& bytes) {
  const __m128i table = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes.at));
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), levels);
}

// The 16 values of a 4-bit number.
constexpr int kValueOffset = 128;
constexpr LevelBytes kIq4Bytes = plus(kValueOffset, kIq4Values);
constexpr LevelBytes kFp4Bytes = plus(kValueOffset, kFp4Values);

// The four 2-bit numbers of a byte in each 32-bit lane, one in each of its bytes.
HEARTH_INLINE __m512i spread_byte(__m512i x) {
  const __m512i two = _mm512_or_si512(x, _mm512_slli_epi32(x, 12));
  const __m512i four = _mm512_or_si512(two, _mm512_slli_epi32(two, 6));
  return _mm512_and_si512(four, _mm512_set1_epi8(3));
}

// --- Signs. ---

// Quants of IQ2 and IQ3 are magnitudes of at most 62 with a sign.
constexpr int kSignedOffset = 64;

// 256 signs: a word for each run of 8, its signs in both bytes.
struct Signs {
  __m512i words;

  HEARTH_INLINE void set_bytes(__m512i low_bytes) {
    words = _mm512_or_si512(low_bytes, _mm512_slli_epi16(low_bytes, 8));
  }
  HEARTH_INLINE void set(const uint8_t (&bytes)[32]) {
    set_bytes(_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes))));
  }
  // From 7 signs in each word (eight_signs is the definition).
  HEARTH_INLINE void set_sevens(__m512i sevens) {
    constexpr char o = static_cast<char>(0x80);
    const __m512i odd =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, o, o, 0, o, 0, 0, o, o, 0, 0, o, 0, o, o, 0));
    const __m512i fours = _mm512_and_si512(_mm512_xor_si512(sevens, _mm512_srli_epi16(sevens, 4)),
                                           _mm512_set1_epi16(15));
    set_bytes(_mm512_or_si512(sevens, _mm512_shuffle_epi8(odd, fours)));
  }
  // From four times 7 signs in the lower half of each 64-bit lane.
  HEARTH_INLINE void set_words_of_sevens(__m512i words_of_sevens) {
    // The two bytes that each seven begins in, and where it begins there.
    const __m512i bytes = _mm512_shuffle_epi8(
        words_of_sevens,
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 0, 1, 1, 2, 2, 3, 8, 9, 8, 9, 9, 10, 10, 11)));
    const __m512i begin = _mm512_set1_epi64(0x0005000600070000);
    set_sevens(_mm512_and_si512(_mm512_srlv_epi16(bytes, begin), _mm512_set1_epi16(127)));
  }

  // Magnitudes of vector v, plus kSignedOffset, with their signs.
  template <int v>
  HEARTH_INLINE __m512i apply(__m512i quants) const {
    const __m512i tests = _mm512_set1_epi16(static_cast<short>(0x0201 << (2 * v)));
    const __mmask64 minus = _mm512_test_epi8_mask(words, tests);
    const __m512i twice = _mm512_set1_epi8(static_cast<char>(2 * kSignedOffset));
    return _mm512_mask_sub_epi8(quants, minus, twice, quants);
  }
};

// --- Scales. ---

// factor * (2 s + 1)
HEARTH_INLINE __m512 odd_scales(__m512i s, float factor) {
  const __m512i odd = _mm512_or_si512(_mm512_slli_epi32(s, 1), _mm512_set1_epi32(1));
  return _mm512_mul_ps(_mm512_set1_ps(factor), _mm512_cvtepi32_ps(odd));
}

// The 16 halves of 8 bytes, low before high.
HEARTH_INLINE __m512i sixteen_halves(const uint8_t (&from)[8]) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  const __m512i twice = _mm512_cvtepu8_epi32(_mm_unpacklo_epi8(bytes, bytes));
  return _mm512_and_si512(_mm512_srlv_epi32(twice, _mm512_set1_epi64(int64_t{4} << 32)),
                          _mm512_set1_epi32(15));
}

// Each of 8 words twice, from 8 words of 32 bits.
HEARTH_INLINE __m512i each_twice(__m256i words) {
  const __m512i wide = _mm512_cvtepu32_epi64(words);
  return _mm512_or_si512(wide, _mm512_slli_epi64(wide, 32));
}

HEARTH_INLINE __m512i words_of_bytes(const uint8_t* from) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// half_scale_mxfp4 and half_scale_nvfp4 are the definitions.
HEARTH_INLINE __m512 half_scales_mxfp4(__m512i exponents) {
  const __m512i one = _mm512_set1_epi32(1);
  const __m512i normal = _mm512_slli_epi32(_mm512_sub_epi32(exponents, one), 23);
  const __mmask16 small = _mm512_cmple_epu32_mask(exponents, one);
  return _mm512_castsi512_ps(
      _mm512_mask_sllv_epi32(normal, small, _mm512_set1_epi32(0x00200000), exponents));
}
HEARTH_INLINE __m512 half_scales_nvfp4(__m256i words) {
  const __m256i seven_bits = _mm256_set1_epi16(0x7F);
  const __mmask16 number = _mm256_cmpneq_epi16_mask(words, seven_bits);
  const __m256i halves = _mm256_slli_epi16(_mm256_and_si256(words, seven_bits), 7);
  return _mm512_mul_ps(_mm512_cvtph_ps(_mm256_maskz_mov_epi16(number, halves)),
                       _mm512_set1_ps(0x1p7f));
}

// The 8 scales of IQ4_XS, in the lower half.
HEARTH_INLINE __m512 scales_iq4_xs(const BlockIQ4_XS& block) {
  static constexpr Lanes32 kLow = lanes32([](int j) { return j % 8 * 4; });
  static constexpr Lanes32 kHigh = lanes32([](int j) { return j % 8 * 2; });
  const __m512i low =
      _mm512_srlv_epi32(_mm512_set1_epi32(number_at<int>(block.scales_low)), vector_of(kLow));
  const __m512i high = _mm512_srlv_epi32(_mm512_set1_epi32(number_at<uint16_t>(block.scales_high)),
                                         vector_of(kHigh));
  const __m512i six =
      _mm512_or_si512(_mm512_and_si512(low, _mm512_set1_epi32(15)),
                      _mm512_slli_epi32(_mm512_and_si512(high, _mm512_set1_epi32(3)), 4));
  return _mm512_mul_ps(_mm512_set1_ps(_cvtsh_ss(block.d_f16)),
                       _mm512_cvtepi32_ps(_mm512_sub_epi32(six, _mm512_set1_epi32(32))));
}

}  // namespace
}  // namespace hearth
