// The panels of the prompt path on AVX-512, for the types whose quants come out of tables.
#include "tensor/kernels/codebook_units_avx512.h"
#include "tensor/kernels/levels.h"
#include "tensor/kernels/panel_blocks_avx512.h"
#include "tensor/kernels/panel_gemm.h"
#include "tensor/kernels/quant_tile.h"

namespace hearth {
namespace {

// From four vectors of lanes of 16 weights, a quarter of each in each vector, to the order of the
// weights.
HEARTH_INLINE void bring_into_order(__m512i (&q)[4]) {
  const __m512i a = _mm512_unpacklo_epi32(q[0], q[1]), b = _mm512_unpackhi_epi32(q[0], q[1]);
  const __m512i c = _mm512_unpacklo_epi32(q[2], q[3]), d = _mm512_unpackhi_epi32(q[2], q[3]);
  // Lanes 4 i + j of all four vectors, for each 128-bit lane i.
  const __m512i lanes[] = {_mm512_unpacklo_epi64(a, c), _mm512_unpackhi_epi64(a, c),
                           _mm512_unpacklo_epi64(b, d), _mm512_unpackhi_epi64(b, d)};
  const __m512i low01 = _mm512_shuffle_i32x4(lanes[0], lanes[1], 0x44);
  const __m512i high01 = _mm512_shuffle_i32x4(lanes[0], lanes[1], 0xEE);
  const __m512i low23 = _mm512_shuffle_i32x4(lanes[2], lanes[3], 0x44);
  const __m512i high23 = _mm512_shuffle_i32x4(lanes[2], lanes[3], 0xEE);
  q[0] = _mm512_shuffle_i32x4(low01, low23, 0x88);
  q[1] = _mm512_shuffle_i32x4(low01, low23, 0xDD);
  q[2] = _mm512_shuffle_i32x4(high01, high23, 0x88);
  q[3] = _mm512_shuffle_i32x4(high01, high23, 0xDD);
}

// Sixteen weights that stand in pairs of two runs of 8.
HEARTH_INLINE __m512i without_pairs(__m512i q) {
  const __m128i order = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
  return _mm512_shuffle_epi8(q, _mm512_broadcast_i32x4(order));
}

template <DType type>
struct Format {
  using Unit = typename UnitOf<type>::Unit;
  static constexpr size_t kUnit = kSuperBlock;
  static constexpr int kSteps = 4;
  static constexpr size_t kUnitBytes = UnitOf<type>::kBytes;
  static constexpr int kOffset = Unit::kOffset;
  static constexpr bool kHasMin = false;
  static constexpr int kGroup = UnitOf<type>::kGroup;

  struct Row {
    __m512i quants[4];
    __m512 scales;

    HEARTH_INLINE void begin(const std::byte* bytes) {
      Unit unit;
      unit.begin(bytes);
      scales = unit.scales();
      unrolled<4>([&](auto v) { quants[v] = unit.template quants<v>(); });
      bring_into_order(quants);
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      const __m512i q = Unit::kPairs ? without_pairs(quants[s]) : quants[s];
      return {q, lanes_of_16<s>(scales), _mm512_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::IQ4_NL> : PairFormat<BlockIQ4_NL, kValueOffset, false> {
  struct Row : PairRow<BlockIQ4_NL> {
    template <int>
    HEARTH_INLINE Step step() const {
      return {bytes_of(low_quants(), kIq4Bytes), scale(), _mm512_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::IQ4_XS> : SuperFormat<BlockIQ4_XS, kValueOffset, false, 32> {
  struct Row {
    const BlockIQ4_XS* block;
    __m512 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockIQ4_XS*>(unit);
      scales = scales_iq4_xs(*block);
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      const uint8_t* quants = block->quants + 32 * s;
      return {bytes_of(nibbles(quants, quants + 16), kIq4Bytes), lanes_of_32<2 * s>(scales),
              _mm512_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::MXFP4> : PairFormat<BlockMXFP4, kValueOffset, false> {
  struct Row : PairRow<BlockMXFP4> {
    template <int>
    HEARTH_INLINE Step step() const {
      const __m512 scale =
          _mm512_mask_mov_ps(_mm512_set1_ps(half_scale_mxfp4(blocks[0].exponent)), 0xFF00,
                             _mm512_set1_ps(half_scale_mxfp4(blocks[1].exponent)));
      return {bytes_of(low_quants(), kFp4Bytes), scale, _mm512_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::NVFP4> {
  static constexpr size_t kUnit = kBlock64;
  static constexpr int kSteps = 1;
  static constexpr size_t kUnitBytes = sizeof(BlockNVFP4);
  static constexpr int kOffset = kValueOffset;
  static constexpr bool kHasMin = false;
  static constexpr int kGroup = 16;

  struct Row {
    const BlockNVFP4* block;
    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockNVFP4*>(unit);
    }
    template <int>
    HEARTH_INLINE Step step() const {
      // 8 bytes of each 16 weights, low halves before high halves.
      const __m512i bytes = _mm512_castsi256_si512(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block->quants)));
      const __m512i twice =
          _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), bytes);
      const __m512i shifts = _mm512_setr_epi64(0, 4, 0, 4, 0, 4, 0, 4);
      const __m512i numbers =
          _mm512_and_si512(_mm512_srlv_epi64(twice, shifts), _mm512_set1_epi8(15));
      const __m512 scales =
          half_scales_nvfp4(_mm256_cvtepu8_epi16(_mm_cvtsi32_si128(number_at<int>(block->scales))));
      return {bytes_of(numbers, kFp4Bytes), lanes_of_16<0>(scales), _mm512_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::Q1_0> {
  static constexpr size_t kUnit = kBlock128;
  static constexpr int kSteps = 2;
  static constexpr size_t kUnitBytes = sizeof(BlockQ1_0);
  static constexpr int kOffset = 1;
  static constexpr bool kHasMin = false;
  static constexpr int kGroup = 32;

  struct Row {
    const BlockQ1_0* block;
    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockQ1_0*>(unit);
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      const auto set = number_at<__mmask64>(block->bits + 8 * s);
      return {_mm512_maskz_set1_epi8(set, 2), _mm512_set1_ps(_cvtsh_ss(block->d_f16)),
              _mm512_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::Q2_0> {
  static constexpr size_t kUnit = kBlock64;
  static constexpr int kSteps = 1;
  static constexpr size_t kUnitBytes = sizeof(BlockQ2_0);
  static constexpr int kOffset = 1;
  static constexpr bool kHasMin = false;
  static constexpr int kGroup = 32;

  struct Row {
    const BlockQ2_0* block;
    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockQ2_0*>(unit);
    }
    template <int>
    HEARTH_INLINE Step step() const {
      const __m512i bytes =
          _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block->quants)));
      return {spread_byte(bytes), _mm512_set1_ps(_cvtsh_ss(block->d_f16)), _mm512_setzero_ps()};
    }
  };
};

}  // namespace

void gemm_codebook_avx512(DType type, const DotArgs& args, std::byte* scratch) {
  with_codebook_format<Format>(
      type, [&](auto format) { gemm_quantized<Isa512, decltype(format)>(args, scratch); });
}

}  // namespace hearth
