// Blocks of 256 whose quants come out of codebooks or digits, on AVX-512: as unsigned bytes, for
// prompts and answers alike.
//
// A unit U supplies
//   unit.begin(bytes)      reads a block
//   U::kOffset             what is to be subtracted from each quant
//   U::kPairs              whether lanes have the order of codebook_parts_avx512.h; else vector v
//                          holds the weights 4v to 4v + 3 of each lane's 16
//   unit.quants<v>()       the v-th of four vectors
//   unit.scales()          the scale of each lane
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "tensor/blocks.h"
#include "tensor/dtype.h"
#include "tensor/kernels/codebook_parts_avx512.h"
#include "tensor/kernels/codebook_words.h"
#include "tensor/kernels/lanes_avx512.h"

namespace hearth {
namespace {

template <class Block>
struct BookUnit {
  const Block* block;
  HEARTH_INLINE void set_block(const std::byte* bytes) {
    block = reinterpret_cast<const Block*>(bytes);
  }
  HEARTH_INLINE float d() const { return _cvtsh_ss(block->d_f16); }
};

// 32 points of 8 with signs.
template <class Block>
struct Iq2Unit : BookUnit<Block> {
  static constexpr bool kPairs = true;
  static constexpr int kOffset = kSignedOffset;
  __m512i points;
  Signs signs;

  template <int v>
  HEARTH_INLINE __m512i quants() const {
    static constexpr LevelBytes kLevels = plus(kSignedOffset, kIq2Levels);
    return signs.template apply<v>(bytes_of(levels_of_8<v>(points), kLevels));
  }
};

struct Iq2Xxs : Iq2Unit<BlockIQ2_XXS> {
  __m512i groups;  // 64 bits for 32 weights

  HEARTH_INLINE void begin(const std::byte* bytes) {
    set_block(bytes);
    groups = _mm512_loadu_si512(block->groups);
    points = look_up(kIq2XxsWords, _mm512_cvtepu8_epi16(_mm512_cvtepi64_epi32(groups)));
    signs.set_words_of_sevens(_mm512_srli_epi64(groups, 32));
  }
  HEARTH_INLINE __m512 scales() const {
    const __m512i words = _mm512_shuffle_epi32(groups, _MM_PERM_DDBB);
    return odd_scales(_mm512_srli_epi32(words, 28), d() * 0.125f);
  }
};

struct Iq2Xs : Iq2Unit<BlockIQ2_XS> {
  HEARTH_INLINE void begin(const std::byte* bytes) {
    set_block(bytes);
    const __m512i words = _mm512_loadu_si512(block->words);
    points = look_up(kIq2XsWords, words);  // which does not see the signs above
    signs.set_sevens(_mm512_srli_epi16(words, 9));
  }
  HEARTH_INLINE __m512 scales() const {
    return odd_scales(sixteen_halves(block->scales), d() * 0.125f);
  }
};

struct Iq2S : Iq2Unit<BlockIQ2_S> {
  HEARTH_INLINE void begin(const std::byte* bytes) {
    set_block(bytes);
    // Two bits for each of four words: the byte of a 32-group in each word of its 64-bit lane.
    const __m512i high =
        _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(block->high)));
    const __m512i everywhere =
        _mm512_shuffle_epi8(high, _mm512_broadcast_i32x4(_mm_setr_epi8(
                                      0, -1, 0, -1, 0, -1, 0, -1, 8, -1, 8, -1, 8, -1, 8, -1)));
    const __m512i shifted = _mm512_sllv_epi16(everywhere, _mm512_set1_epi64(0x0002000400060008));
    const __m512i upper = _mm512_and_si512(shifted, _mm512_set1_epi16(0x300));
    points = look_up(kIq2SWords, _mm512_or_si512(words_of_bytes(block->points), upper));
    signs.set(block->signs);
  }
  HEARTH_INLINE __m512 scales() const {
    return odd_scales(sixteen_halves(block->scales), d() * 0.125f);
  }
};

struct Iq3Xxs : BookUnit<BlockIQ3_XXS> {
  static constexpr bool kPairs = true;
  static constexpr int kOffset = kSignedOffset;
  __m256i words;
  __m512i points[2];
  Signs signs;

  HEARTH_INLINE void begin(const std::byte* bytes) {
    set_block(bytes);
    words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block->signs));
    const __m512i numbers = _mm512_loadu_si512(block->points);
    points[0] = look_up(kIq3XxsWords, _mm512_and_si512(numbers, _mm512_set1_epi16(255)));
    points[1] = look_up(kIq3XxsWords, _mm512_srli_epi16(numbers, 8));
    signs.set_words_of_sevens(_mm512_cvtepu32_epi64(words));
  }
  template <int v>
  HEARTH_INLINE __m512i quants() const {
    static constexpr LevelBytes kLevels = plus(kSignedOffset, kIq3XxsLevels);
    return signs.apply<v>(bytes_of(levels_of_4<v>(points[0], points[1]), kLevels));
  }
  HEARTH_INLINE __m512 scales() const {
    return odd_scales(each_twice(_mm256_srli_epi32(words, 28)), d() * 0.25f);
  }
};

struct Iq3S : BookUnit<BlockIQ3_S> {
  static constexpr bool kPairs = true;
  static constexpr int kOffset = kSignedOffset;
  __m512i points[2];
  Signs signs;

  HEARTH_INLINE void begin(const std::byte* bytes) {
    set_block(bytes);
    const __m512i numbers = _mm512_loadu_si512(block->points);
    const auto ninth = number_at<uint64_t>(block->high);
    const auto point = [](__m512i low, uint64_t bits) {
      const auto mask = static_cast<__mmask32>(bits);
      return look_up(kIq3SWords, _mm512_mask_add_epi16(low, mask, low, _mm512_set1_epi16(256)));
    };
    points[0] = point(_mm512_and_si512(numbers, _mm512_set1_epi16(255)),
                      _pext_u64(ninth, 0x5555555555555555));
    points[1] = point(_mm512_srli_epi16(numbers, 8), _pext_u64(ninth, 0xAAAAAAAAAAAAAAAA));
    signs.set(block->signs);
  }
  template <int v>
  HEARTH_INLINE __m512i quants() const {
    static constexpr LevelBytes kLevels = plus(kSignedOffset, kIq3SLevels);
    return signs.apply<v>(bytes_of(levels_of_4<v>(points[0], points[1]), kLevels));
  }
  HEARTH_INLINE __m512 scales() const {
    static constexpr Lanes32 kShift = lanes32([](int j) { return j / 2 * 4; });
    const __m512i halves =
        _mm512_srlv_epi32(_mm512_set1_epi32(number_at<int>(block->scales)), vector_of(kShift));
    return odd_scales(_mm512_and_si512(halves, _mm512_set1_epi32(15)), d());
  }
};

// 32 points of 8, raised or not.
template <class Block>
struct Iq1Unit : BookUnit<Block> {
  static constexpr bool kPairs = true;
  static constexpr int kOffset = kIq1Offset;
  __m512i points;
  __m512i raised;  // a word for each run of 8: 2 in both bytes, or 0

  // From the upper bits of the points, and the sign of delta as the sign of a word.
  HEARTH_INLINE void set(__m512i upper, __m512i delta) {
    const __m512i three = _mm512_and_si512(upper, _mm512_set1_epi16(7));
    points = look_up(kIq1Words, _mm512_or_si512(words_of_bytes(this->block->points),
                                                _mm512_slli_epi16(three, 8)));
    raised = _mm512_andnot_si512(_mm512_srai_epi16(delta, 15), _mm512_set1_epi16(0x0202));
  }
  template <int v>
  HEARTH_INLINE __m512i quants() const {
    static constexpr LevelBytes kLevels = plus(0, kIq1Levels);
    return _mm512_add_epi8(bytes_of(levels_of_8<v>(points), kLevels), raised);
  }
};

struct Iq1S : Iq1Unit<BlockIQ1_S> {
  __m128i high;

  HEARTH_INLINE void begin(const std::byte* bytes) {
    set_block(bytes);
    high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->high));
    static constexpr Lanes16 kGroup = lanes16([](int j) { return j / 4; });
    const __m512i runs = _mm512_permutexvar_epi16(vector_of(kGroup), _mm512_castsi128_si512(high));
    set(_mm512_srlv_epi16(runs, _mm512_set1_epi64(0x0009000600030000)), runs);
  }
  HEARTH_INLINE __m512 scales() const {
    const __m256i three =
        _mm256_and_si256(_mm256_srli_epi32(_mm256_cvtepu16_epi32(high), 12), _mm256_set1_epi32(7));
    return odd_scales(each_twice(three), d() * 0.125f);
  }
};

struct Iq1M : Iq1Unit<BlockIQ1_M> {
  HEARTH_INLINE void begin(const std::byte* bytes) {
    set_block(bytes);
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->high));
    // Each byte in two words: as it is, and without its lower half.
    const __m512i wide = _mm512_cvtepu8_epi32(high);
    const __m512i halves = _mm512_or_si512(wide, _mm512_slli_epi32(wide, 12));
    set(halves, _mm512_slli_epi16(halves, 12));
  }
  HEARTH_INLINE __m512 scales() const {
    static constexpr Lanes32 kShift = lanes32([](int j) { return j % 4 * 3; });
    const __m512i words = _mm512_permutexvar_epi32(
        vector_of(kQuarter), _mm512_castsi128_si512(_mm_cvtepu16_epi32(_mm_loadl_epi64(
                                 reinterpret_cast<const __m128i*>(block->scales)))));
    const __m512i three =
        _mm512_and_si512(_mm512_srlv_epi32(words, vector_of(kShift)), _mm512_set1_epi32(7));
    return odd_scales(three, _cvtsh_ss(d_f16_of(*block)) * 0.125f);
  }

 private:
  static constexpr Lanes32 kQuarter = lanes32([](int j) { return j / 4; });
};

// Which of the 64 fours of weights stands in a lane, where that has no pairs.
constexpr int four_of(int v, int lane) { return 4 * lane + v; }

struct Tq1 : BookUnit<BlockTQ1_0> {
  static constexpr bool kPairs = false;
  static constexpr int kOffset = 1;
  __m512i bytes;  // 48 of five digits, 4 of four

  HEARTH_INLINE void begin(const std::byte* unit) {
    set_block(unit);
    bytes = _mm512_maskz_loadu_epi32(0x1FFF, unit);
  }

  // The word of bytes that a four stands in, and the place of its digits there.
  static constexpr int word_of(int dword) {
    return dword < 40 ? dword % 8 : dword < 60 ? 8 + dword % 4 : 12;
  }
  static constexpr int place_of(int dword) {
    return dword < 40 ? dword / 8 : dword < 60 ? (dword - 40) / 4 : dword - 60;
  }
  static constexpr int power_of(int dword) {
    int power = 1;
    for (int i = 0; i < place_of(dword); ++i) power *= 3;
    return power;
  }

  template <int v>
  HEARTH_INLINE __m512i quants() const {
    static constexpr Lanes32 kIndex = lanes32([](int j) { return word_of(four_of(v, j)); });
    static constexpr Lanes16 kPower = lanes16([](int j) { return power_of(four_of(v, j / 2)); });
    const __m512i words = _mm512_permutexvar_epi32(vector_of(kIndex), bytes);
    // Times a power of 3, a byte loses the digits before.
    const __m512i even = _mm512_mullo_epi16(words, vector_of(kPower));
    const __m512i odd = _mm512_mullo_epi16(_mm512_srli_epi16(words, 8), vector_of(kPower));
    const __m512i q = _mm512_mask_mov_epi8(even, 0xAAAAAAAAAAAAAAAA, _mm512_slli_epi16(odd, 8));
    // 3 q / 256 is 0 below 86, 1 below 171.
    const __mmask64 one = _mm512_cmpge_epu8_mask(q, _mm512_set1_epi8(86));
    const __mmask64 two = _mm512_cmpge_epu8_mask(q, _mm512_set1_epi8(static_cast<char>(171)));
    return _mm512_mask_mov_epi8(_mm512_maskz_set1_epi8(one, 1), two, _mm512_set1_epi8(2));
  }
  HEARTH_INLINE __m512 scales() const { return _mm512_set1_ps(d()); }
};

struct Tq2 : BookUnit<BlockTQ2_0> {
  static constexpr bool kPairs = false;
  static constexpr int kOffset = 1;
  __m512i bytes;

  HEARTH_INLINE void begin(const std::byte* unit) {
    set_block(unit);
    bytes = _mm512_loadu_si512(block->quants);
  }

  template <int v>
  HEARTH_INLINE __m512i quants() const {
    static constexpr Lanes32 kIndex =
        lanes32([](int j) { return four_of(v, j) / 32 * 8 + four_of(v, j) % 8; });
    static constexpr Lanes32 kShift = lanes32([](int j) { return four_of(v, j) / 8 % 4 * 2; });
    const __m512i words = _mm512_permutexvar_epi32(vector_of(kIndex), bytes);
    return _mm512_and_si512(_mm512_srlv_epi32(words, vector_of(kShift)), _mm512_set1_epi8(3));
  }
  HEARTH_INLINE __m512 scales() const { return _mm512_set1_ps(d()); }
};

// The unit of a type, and how many weights share a scale.
template <DType>
struct UnitOf;
template <class U, class Block, int group>
struct UnitTraits {
  using Unit = U;
  static constexpr size_t kBytes = sizeof(Block);
  static constexpr int kGroup = group;
};
template <>
struct UnitOf<DType::IQ1_S> : UnitTraits<Iq1S, BlockIQ1_S, 32> {};
template <>
struct UnitOf<DType::IQ1_M> : UnitTraits<Iq1M, BlockIQ1_M, 16> {};
template <>
struct UnitOf<DType::IQ2_XXS> : UnitTraits<Iq2Xxs, BlockIQ2_XXS, 32> {};
template <>
struct UnitOf<DType::IQ2_XS> : UnitTraits<Iq2Xs, BlockIQ2_XS, 16> {};
template <>
struct UnitOf<DType::IQ2_S> : UnitTraits<Iq2S, BlockIQ2_S, 16> {};
template <>
struct UnitOf<DType::IQ3_XXS> : UnitTraits<Iq3Xxs, BlockIQ3_XXS, 32> {};
template <>
struct UnitOf<DType::IQ3_S> : UnitTraits<Iq3S, BlockIQ3_S, 32> {};
template <>
struct UnitOf<DType::TQ1_0> : UnitTraits<Tq1, BlockTQ1_0, 32> {};
template <>
struct UnitOf<DType::TQ2_0> : UnitTraits<Tq2, BlockTQ2_0, 32> {};

}  // namespace
}  // namespace hearth
