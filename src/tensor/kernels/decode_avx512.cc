// Few columns on AVX-512 with VNNI (decode_tile.h): 64 quants in a vector, multiplied by vpdpbusd
// (unsigned weights, signed activations).
#include "tensor/kernels/decode_blocks_avx512.h"
#include "tensor/kernels/levels.h"
#include "tensor/kernels/quant_tile.h"
#include "tensor/kernels/scale_decode.h"
#include "tensor/kernels/simd_avx512.h"
#include "tensor/kernels/vector_ops.h"

namespace hearth {
namespace {

template <>
struct Format<DType::Q4_0> : NibbleFormat<BlockQ4_0, 8, false> {
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const EightBlocks<BlockQ4_0> blocks(unit);
    Weights out;
    unpack_nibbles(blocks, out);
    out.scale = floats_of_lower(blocks.halves<Format, 0, 0>());
    return out;
  }
};

template <>
struct Format<DType::Q4_1> : NibbleFormat<BlockQ4_1, 0, true> {
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const EightBlocks<BlockQ4_1> blocks(unit);
    Weights out;
    unpack_nibbles(blocks, out);
    const __m512i halves = blocks.halves<Format, 0, offsetof(BlockQ4_1, m_f16)>();
    out.scale = floats_of_lower(halves);
    out.min = floats_of_upper(halves);
    return out;
  }
};

template <>
struct Format<DType::Q5_0> : NibbleFormat<BlockQ5_0, 16, false> {
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const EightBlocks<BlockQ5_0> blocks(unit);
    Weights out;
    unpack_nibbles(blocks, out);
    add_fifth_bits<Format>(blocks, out);
    out.scale = floats_of_lower(blocks.halves<Format, 0, 0>());
    return out;
  }
};

template <>
struct Format<DType::Q5_1> : NibbleFormat<BlockQ5_1, 0, true> {
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const EightBlocks<BlockQ5_1> blocks(unit);
    Weights out;
    unpack_nibbles(blocks, out);
    add_fifth_bits<Format>(blocks, out);
    const __m512i halves = blocks.halves<Format, 0, offsetof(BlockQ5_1, m_f16)>();
    out.scale = floats_of_lower(halves);
    out.min = floats_of_upper(halves);
    return out;
  }
};

// 32 signed bytes of each block: a transposition of 4 x 4 words of 64 bits in each half.
template <>
struct Format<DType::Q8_0> {
  static constexpr size_t kBlock = 32;
  static constexpr size_t kBlockBytes = sizeof(BlockQ8_0);
  static constexpr size_t kUnitBytes = 8 * sizeof(BlockQ8_0);
  static constexpr int kOffset = 128;
  static constexpr bool kHasMin = false;
  static constexpr int block(int lane) { return lane / 8 * 4 + lane % 4 / 2 * 2 + lane / 4 % 2; }
  static constexpr int dword(int v, int lane) {
    return block(lane) * 8 + (v % 2 * 2 + v / 2) * 2 + lane % 2;
  }

  static HEARTH_INLINE __m512i two_blocks(const BlockQ8_0* from) {
    const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from[0].quants));
    const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from[1].quants));
    return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
  }

  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const auto* blocks = reinterpret_cast<const BlockQ8_0*>(unit);
    const __m512i q01 = two_blocks(blocks), q23 = two_blocks(blocks + 2);
    const __m512i q45 = two_blocks(blocks + 4), q67 = two_blocks(blocks + 6);
    const __m512i even03 = _mm512_unpacklo_epi64(q01, q23), odd03 = _mm512_unpackhi_epi64(q01, q23);
    const __m512i even47 = _mm512_unpacklo_epi64(q45, q67), odd47 = _mm512_unpackhi_epi64(q45, q67);
    const __m512i sign = _mm512_set1_epi8(static_cast<char>(0x80));
    Weights out;
    out.quants[0] = _mm512_xor_si512(_mm512_shuffle_i64x2(even03, even47, 0x88), sign);
    out.quants[1] = _mm512_xor_si512(_mm512_shuffle_i64x2(even03, even47, 0xDD), sign);
    out.quants[2] = _mm512_xor_si512(_mm512_shuffle_i64x2(odd03, odd47, 0x88), sign);
    out.quants[3] = _mm512_xor_si512(_mm512_shuffle_i64x2(odd03, odd47, 0xDD), sign);
    out.scale = floats_of_lower(EightBlocks<BlockQ8_0>(unit).halves<Format, 0, 0>());
    return out;
  }
};

// --- Blocks of 256. ---

// One scale for 32 weights (Q4_K, Q5_K): lanes 2g and 2g + 1 are 8 bytes of 32-group g, whose
// nibbles are the low ones of the same 32 bytes as the high ones of group g + 1, for an even g.
template <class Block>
struct GroupFormat : SuperFormat<Block, 0, true> {
  static constexpr int dword(int v, int lane) { return lane / 2 * 8 + 2 * v + lane % 2; }

  static HEARTH_INLINE Weights unpack_nibbles(const Block* block) {
    Weights out;
    const __m512i first = _mm512_loadu_si512(block->quants);
    const __m512i second = _mm512_loadu_si512(block->quants + 64);
    const __m512i shifts = _mm512_setr_epi64(0, 4, 0, 4, 0, 4, 0, 4);
    unrolled<kUnitVectors>([&](auto v) {
      constexpr int kV = v;
      const __m512i index =
          _mm512_setr_epi64(kV, kV, 4 + kV, 4 + kV, 8 + kV, 8 + kV, 12 + kV, 12 + kV);
      const __m512i bytes = _mm512_permutex2var_epi64(first, index, second);
      out.quants[kV] = low_nibbles(_mm512_srlv_epi64(bytes, shifts));
    });
    // 8 scales, then 8 minimums with their sign turned, ready to add.
    const __m512 d = _mm512_set1_ps(_cvtsh_ss(block->d_f16));
    const __m512 dmin = _mm512_set1_ps(-_cvtsh_ss(block->dmin_f16));
    const __m512 table =
        _mm512_mul_ps(_mm512_mask_blend_ps(0xFF00, d, dmin),
                      _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(decode_scales_k4(block->scales))));
    static constexpr Lanes32 kScales = lanes32([](int j) { return j / 2; });
    static constexpr Lanes32 kMins = lanes32([](int j) { return 8 + j / 2; });
    out.scale = _mm512_permutexvar_ps(vector_of(kScales), table);
    out.min = _mm512_permutexvar_ps(vector_of(kMins), table);
    return out;
  }
};

template <>
struct Format<DType::Q4_K> : GroupFormat<BlockQ4_K> {
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    return unpack_nibbles(reinterpret_cast<const BlockQ4_K*>(unit));
  }
};

template <>
struct Format<DType::Q5_K> : GroupFormat<BlockQ5_K> {
  // Bit g of byte i is the fifth of weight i of 32-group g.
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const auto* block = reinterpret_cast<const BlockQ5_K*>(unit);
    Weights out = unpack_nibbles(block);
    static constexpr Lanes32 kPlanes = lanes32([](int j) { return 0x01010101u << (j / 2); });
    const __m512i planes = vector_of(kPlanes);
    unrolled<kUnitVectors>([&](auto v) {
      int64_t eight;
      std::memcpy(&eight, block->high + 8 * v, sizeof eight);
      const __mmask64 set = _mm512_test_epi8_mask(_mm512_set1_epi64(eight), planes);
      out.quants[v] = _mm512_mask_add_epi8(out.quants[v], set, out.quants[v], _mm512_set1_epi8(16));
    });
    return out;
  }
};

// One scale for 16 weights (Q2_K, Q3_K, Q6_K): a lane for each, in order.
template <class Block, int offset, bool has_min>
struct SixteensFormat : SuperFormat<Block, offset, has_min> {
  static constexpr int dword(int v, int lane) { return 4 * lane + v; }

  // Q2_K and Q3_K: 64 bytes; 32-group g in 32 bytes of half g / 4, at bit 2 * (g % 4).
  static HEARTH_INLINE void unpack_pairs_of_bits(const uint8_t* from, Weights& out) {
    const __m512i bytes = _mm512_loadu_si512(from);
    static constexpr Lanes32 kShift = lanes32([](int j) { return j / 2 % 4 * 2; });
    const __m512i shift = vector_of(kShift);
    unrolled<kUnitVectors>([&](auto v) {
      constexpr int kV = v;
      static constexpr Lanes32 kIndex = lanes32([](int j) { return j / 8 * 8 + j % 2 * 4 + kV; });
      const __m512i quads = _mm512_permutexvar_epi32(vector_of(kIndex), bytes);
      out.quants[kV] = _mm512_and_si512(_mm512_srlv_epi32(quads, shift), _mm512_set1_epi8(3));
    });
  }
};

// a | (b & kMask) in each byte.
template <int kMask>
HEARTH_INLINE __m512i or_masked(__m512i a, __m512i b) {
  return _mm512_ternarylogic_epi32(a, b, _mm512_set1_epi8(kMask), 0xF8);
}

template <>
struct Format<DType::Q6_K> : SixteensFormat<BlockQ6_K, 32, false> {
  // Quarter q of half h: the low nibbles (high ones for q / 2) of 32 bytes, and bits 2q of 32 more.
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const auto* block = reinterpret_cast<const BlockQ6_K*>(unit);
    Weights out;
    const __m512i first = _mm512_loadu_si512(block->low);
    const __m512i second = _mm512_loadu_si512(block->low + 64);
    const __m512i top = _mm512_loadu_si512(block->high);
    static constexpr Lanes32 kShift = lanes32([](int j) { return j / 4 % 2 * 4; });
    const __m512i shift = vector_of(kShift);
    static constexpr Lanes32 kTurn = lanes32([](int j) { return (4 - j / 2 % 4 * 2) & 31; });
    const __m512i turn = vector_of(kTurn);
    unrolled<kUnitVectors>([&](auto v) {
      constexpr int kV = v;
      static constexpr Lanes32 kLow =
          lanes32([](int j) { return j / 8 * 16 + j / 2 % 2 * 8 + j % 2 * 4 + kV; });
      static constexpr Lanes32 kHigh = lanes32([](int j) { return j / 8 * 8 + j % 2 * 4 + kV; });
      const __m512i quads = _mm512_permutex2var_epi32(first, vector_of(kLow), second);
      const __m512i low = low_nibbles(_mm512_srlv_epi32(quads, shift));
      const __m512i high = _mm512_permutexvar_epi32(vector_of(kHigh), top);
      out.quants[kV] = or_masked<0x30>(low, _mm512_rolv_epi32(high, turn));
    });
    const __m128i scales = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->scales));
    out.scale = _mm512_mul_ps(_mm512_set1_ps(_cvtsh_ss(block->d_f16)),
                              _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(scales)));
    return out;
  }
};

template <>
struct Format<DType::Q2_K> : SixteensFormat<BlockQ2_K, 0, true> {
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const auto* block = reinterpret_cast<const BlockQ2_K*>(unit);
    Weights out;
    unpack_pairs_of_bits(block->quants, out);
    const __m512i words =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block->scales)));
    out.scale = _mm512_mul_ps(_mm512_set1_ps(_cvtsh_ss(block->d_f16)),
                              _mm512_cvtepi32_ps(_mm512_and_si512(words, _mm512_set1_epi32(15))));
    out.min = _mm512_mul_ps(_mm512_set1_ps(-_cvtsh_ss(block->dmin_f16)),
                            _mm512_cvtepi32_ps(_mm512_srli_epi32(words, 4)));
    return out;
  }
};

template <>
struct Format<DType::Q3_K> : SixteensFormat<BlockQ3_K, 4, false> {
  // Bit g of byte i of `high` is the third of weight i of 32-group g.
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const auto* block = reinterpret_cast<const BlockQ3_K*>(unit);
    Weights out;
    unpack_pairs_of_bits(block->quants, out);
    const __m512i high =
        _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block->high)));
    static constexpr Lanes32 kTurn = lanes32([](int j) { return (2 - j / 2) & 31; });
    const __m512i turn = vector_of(kTurn);
    unrolled<kUnitVectors>([&](auto v) {
      constexpr int kV = v;
      static constexpr Lanes32 kIndex = lanes32([](int j) { return j % 2 * 4 + kV; });
      const __m512i quads = _mm512_permutexvar_epi32(vector_of(kIndex), high);
      out.quants[kV] = or_masked<4>(out.quants[kV], _mm512_rolv_epi32(quads, turn));
    });
    out.scale =
        _mm512_mul_ps(_mm512_set1_ps(_cvtsh_ss(block->d_f16)),
                      _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(decode_scales_k3(block->scales))));
    return out;
  }
};

}  // namespace

void dot_avx512(DType type, const DotArgs& args) {
  if (type == DType::F32) return dot_float_rows<Avx512, Storage::f32>(args);
  if (type == DType::F16) return dot_float_rows<Avx512, Storage::f16>(args);
  if (type == DType::BF16) return dot_float_rows<Avx512, Storage::bf16>(args);
  const auto dot = [&](auto format) { dot_decode<Isa512, decltype(format)>(args); };
  if (!with_format<Format>(type, dot)) dot_codebook_avx512(type, args);
}

}  // namespace hearth
