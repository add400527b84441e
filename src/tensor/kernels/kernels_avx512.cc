// AVX-512 with VNNI: 64 quants in a vector, multiplied by vpdpbusd (unsigned times signed). These
// are the panels of the prompt path; decode_avx512.cc has the dots.
#include "tensor/kernels/levels.h"
#include "tensor/kernels/pack_columns.h"
#include "tensor/kernels/panel_blocks_avx512.h"
#include "tensor/kernels/panel_float.h"
#include "tensor/kernels/panel_gemm.h"
#include "tensor/kernels/quant_tile.h"
#include "tensor/kernels/scale_decode.h"
#include "tensor/kernels/simd_avx512.h"
#include "tensor/kernels/vector_ops.h"

namespace hearth {
namespace {

template <>
struct Format<DType::Q4_0> : PairFormat<BlockQ4_0, 8, false> {
  struct Row : PairRow<BlockQ4_0> {
    template <int>
    HEARTH_INLINE Step step() const {
      return {low_quants(), scale(), _mm512_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::Q4_1> : PairFormat<BlockQ4_1, 0, true> {
  struct Row : PairRow<BlockQ4_1> {
    template <int>
    HEARTH_INLINE Step step() const {
      return {low_quants(), scale(), half_lanes(blocks[0].m_f16, blocks[1].m_f16)};
    }
  };
};

template <>
struct Format<DType::Q5_0> : PairFormat<BlockQ5_0, 16, false> {
  struct Row : PairRow<BlockQ5_0> {
    template <int>
    HEARTH_INLINE Step step() const {
      return {with_high_bits(low_quants()), scale(), _mm512_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::Q5_1> : PairFormat<BlockQ5_1, 0, true> {
  struct Row : PairRow<BlockQ5_1> {
    template <int>
    HEARTH_INLINE Step step() const {
      return {with_high_bits(low_quants()), scale(), half_lanes(blocks[0].m_f16, blocks[1].m_f16)};
    }
  };
};

template <>
struct Format<DType::Q8_0> : PairFormat<BlockQ8_0, 128, false> {
  struct Row : PairRow<BlockQ8_0> {
    template <int>
    HEARTH_INLINE Step step() const {
      const __m512i quants = load_halves(reinterpret_cast<const uint8_t*>(blocks[0].quants),
                                         reinterpret_cast<const uint8_t*>(blocks[1].quants));
      const __m512i sign = _mm512_set1_epi8(static_cast<char>(0x80));
      return {_mm512_xor_si512(quants, sign), scale(), _mm512_setzero_ps()};
    }
  };
};

// --- Blocks of 256. ---

// Q4_K and Q5_K: 8 scales, then 8 minimums with their sign turned, ready to add.
template <class Block>
struct RowK4 {
  const Block* block;
  __m512 table;

  HEARTH_INLINE void begin(const std::byte* unit) {
    block = reinterpret_cast<const Block*>(unit);
    const __m512 d = _mm512_set1_ps(_cvtsh_ss(block->d_f16));
    const __m512 dmin = _mm512_set1_ps(-_cvtsh_ss(block->dmin_f16));
    const __m512 factors = _mm512_mask_blend_ps(0xFF00, d, dmin);
    table = _mm512_mul_ps(
        factors, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(decode_scales_k4(block->scales))));
  }
  template <int s>
  HEARTH_INLINE __m512i low_quants() const {
    return shifted<0, 4, 15>(twice(block->quants + 32 * s));
  }
  template <int s>
  HEARTH_INLINE Step with_scales(__m512i quants) const {
    return {quants, lanes_of_32<2 * s>(table), lanes_of_32<8 + 2 * s>(table)};
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
      return with_scales<s>(with_bit_plane<s, 16>(low_quants<s>(), twice(block->high)));
    }
  };
};

template <>
struct Format<DType::Q6_K> : SuperFormat<BlockQ6_K, 32, false, 16> {
  struct Row {
    const BlockQ6_K* block;
    __m512 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockQ6_K*>(unit);
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->scales));
      scales = _mm512_mul_ps(_mm512_set1_ps(_cvtsh_ss(block->d_f16)),
                             _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)));
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      const __m512i low = _mm512_loadu_si512(block->low + 64 * (s / 2));
      const __m512i bits = shifted<4 * (s % 2), 4 * (s % 2), 15>(low);
      const __m512i high =
          shifted<4 * (s % 2), 4 * (s % 2) + 2, 3>(twice(block->high + 32 * (s / 2)));
      return {_mm512_or_si512(bits, _mm512_slli_epi16(high, 4)), lanes_of_16<s>(scales),
              _mm512_setzero_ps()};
    }
  };
};

template <>
struct Format<DType::Q2_K> : SuperFormat<BlockQ2_K, 0, true, 16> {
  struct Row {
    const BlockQ2_K* block;
    __m512 scales;
    __m512 mins;

    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockQ2_K*>(unit);
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->scales));
      const __m512i words = _mm512_cvtepu8_epi32(bytes);
      scales = _mm512_mul_ps(_mm512_set1_ps(_cvtsh_ss(block->d_f16)),
                             _mm512_cvtepi32_ps(_mm512_and_si512(words, _mm512_set1_epi32(15))));
      mins = _mm512_mul_ps(_mm512_set1_ps(-_cvtsh_ss(block->dmin_f16)),
                           _mm512_cvtepi32_ps(_mm512_srli_epi32(words, 4)));
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      const __m512i quants =
          shifted<4 * (s % 2), 4 * (s % 2) + 2, 3>(twice(block->quants + 32 * (s / 2)));
      return {quants, lanes_of_16<s>(scales), lanes_of_16<s>(mins)};
    }
  };
};

template <>
struct Format<DType::Q3_K> : SuperFormat<BlockQ3_K, 4, false, 16> {
  struct Row {
    const BlockQ3_K* block;
    __m512 scales;

    HEARTH_INLINE void begin(const std::byte* unit) {
      block = reinterpret_cast<const BlockQ3_K*>(unit);
      scales =
          _mm512_mul_ps(_mm512_set1_ps(_cvtsh_ss(block->d_f16)),
                        _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(decode_scales_k3(block->scales))));
    }
    template <int s>
    HEARTH_INLINE Step step() const {
      const __m512i low =
          shifted<4 * (s % 2), 4 * (s % 2) + 2, 3>(twice(block->quants + 32 * (s / 2)));
      return {with_bit_plane<s, 4>(low, twice(block->high)), lanes_of_16<s>(scales),
              _mm512_setzero_ps()};
    }
  };
};

}  // namespace

void gemm_avx512(DType type, const DotArgs& args, std::byte* scratch) {
  gemm_any<Avx512, Format, Isa512, gemm_codebook_avx512>(type, args, scratch);
}

Kernels make_avx512_kernels() {
  Kernels kernels;
  kernels.level = IsaLevel::avx512;
  kernels.name = "avx512";
  kernels.dot = dot_avx512;
  kernels.gemm = gemm_avx512;
  fill_packing<Isa512>(kernels);
  if (__builtin_cpu_supports("avx512bf16")) use_avx512_bf16(kernels);
  fill_vector_ops<Avx512>(kernels);
  fill_attention_avx512(kernels);
  return kernels;
}

}  // namespace hearth
