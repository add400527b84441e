// Few columns on AVX-512 with VNNI, for the types whose quants come out of tables.
#include "tensor/kernels/codebook_units_avx512.h"
#include "tensor/kernels/decode_blocks_avx512.h"
#include "tensor/kernels/levels.h"
#include "tensor/kernels/quant_tile.h"

namespace hearth {
namespace {

// A lane for each 16 weights, in order.
struct BySixteens {
  static constexpr int dword(int v, int lane) { return 4 * lane + v; }
};

template <DType type>
struct Format : BySixteens {
  using Unit = typename UnitOf<type>::Unit;
  static constexpr size_t kBlock = kSuperBlock;
  static constexpr size_t kBlockBytes = UnitOf<type>::kBytes;
  static constexpr size_t kUnitBytes = UnitOf<type>::kBytes;
  static constexpr int kOffset = Unit::kOffset;
  static constexpr bool kHasMin = false;
  static constexpr bool kPairs = Unit::kPairs;

  static HEARTH_INLINE Weights unpack(const std::byte* bytes) {
    Unit unit;
    unit.begin(bytes);
    Weights out;
    unrolled<kUnitVectors>([&](auto v) { out.quants[v] = unit.template quants<v>(); });
    out.scale = unit.scales();
    return out;
  }
};

HEARTH_INLINE __m512i four_lanes(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(c), d, 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

HEARTH_INLINE void look_up_quants(const LevelBytes& values, Weights& out) {
  unrolled<kUnitVectors>([&](auto v) { out.quants[v] = bytes_of(out.quants[v], values); });
}

template <>
struct Format<DType::IQ4_NL> : NibbleFormat<BlockIQ4_NL, kValueOffset, false> {
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const EightBlocks<BlockIQ4_NL> blocks(unit);
    Weights out;
    unpack_nibbles(blocks, out);
    look_up_quants(kIq4Bytes, out);
    out.scale = floats_of_lower(blocks.halves<Format, 0, 0>());
    return out;
  }
};

template <>
struct Format<DType::IQ4_XS> : SuperFormat<BlockIQ4_XS, kValueOffset, false>, NibbleLanes {
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const auto* block = reinterpret_cast<const BlockIQ4_XS*>(unit);
    Weights out;
    spread(_mm512_loadu_si512(block->quants), _mm512_loadu_si512(block->quants + 64), out);
    look_up_quants(kIq4Bytes, out);
    static constexpr Lanes32 kGroup = lanes32(NibbleLanes::block);
    out.scale = _mm512_permutexvar_ps(vector_of(kGroup), scales_iq4_xs(*block));
    return out;
  }
};

// Blocks of an odd number of bytes: their quants are brought together by loads.
template <>
struct Format<DType::MXFP4> : NibbleFormat<BlockMXFP4, kValueOffset, false> {
  static HEARTH_INLINE __m512i four_blocks(const BlockMXFP4* from) {
    const auto quants = [&](int i) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from[i].quants));
    };
    return four_lanes(quants(0), quants(1), quants(2), quants(3));
  }
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const auto* blocks = reinterpret_cast<const BlockMXFP4*>(unit);
    Weights out;
    spread(four_blocks(blocks), four_blocks(blocks + 4), out);
    look_up_quants(kFp4Bytes, out);
    // The exponents stand at multiples of 17, each in one half of a 16-bit word.
    static constexpr Lanes16 kIndex =
        lanes16([](int j) { return 17 * NibbleLanes::block(j / 2) / 2; });
    static constexpr Lanes32 kShift = lanes32([](int j) { return NibbleLanes::block(j) % 2 * 8; });
    const __m512i words = _mm512_permutex2var_epi16(_mm512_loadu_si512(unit), vector_of(kIndex),
                                                    _mm512_loadu_si512(unit + 64));
    const __m512i exponents =
        _mm512_and_si512(_mm512_srlv_epi32(words, vector_of(kShift)), _mm512_set1_epi32(255));
    out.scale = half_scales_mxfp4(exponents);
    return out;
  }
};

// A lane for each 16 weights: 4 bytes of first and third, 4 of second and fourth quarters.
template <>
struct Format<DType::NVFP4> : BySixteens {
  static constexpr size_t kBlock = kBlock64;
  static constexpr size_t kBlockBytes = sizeof(BlockNVFP4);
  static constexpr size_t kUnitBytes = 4 * sizeof(BlockNVFP4);
  static constexpr int kOffset = kValueOffset;
  static constexpr bool kHasMin = false;

  static HEARTH_INLINE __m512i two_blocks(const BlockNVFP4* from) {
    const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from[0].quants));
    const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from[1].quants));
    return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
  }
  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const auto* blocks = reinterpret_cast<const BlockNVFP4*>(unit);
    const __m512i low = two_blocks(blocks), high = two_blocks(blocks + 2);
    static constexpr Lanes32 kEven = lanes32([](int j) { return 2 * j; });
    static constexpr Lanes32 kOdd = lanes32([](int j) { return 2 * j + 1; });
    const __m512i even = _mm512_permutex2var_epi32(low, vector_of(kEven), high);
    const __m512i odd = _mm512_permutex2var_epi32(low, vector_of(kOdd), high);
    Weights out;
    out.quants[0] = low_nibbles(even);
    out.quants[1] = low_nibbles(odd);
    out.quants[2] = high_nibbles(even);
    out.quants[3] = high_nibbles(odd);
    look_up_quants(kFp4Bytes, out);
    const auto scales = [&](int i) { return number_at<int>(blocks[i].scales); };
    out.scale = half_scales_nvfp4(
        _mm256_cvtepu8_epi16(_mm_setr_epi32(scales(0), scales(1), scales(2), scales(3))));
    return out;
  }
};

// Four blocks of four values: each lane takes one of its four bytes.
template <>
struct Format<DType::Q2_0> : BySixteens {
  static constexpr size_t kBlock = kBlock64;
  static constexpr size_t kBlockBytes = sizeof(BlockQ2_0);
  static constexpr size_t kUnitBytes = 4 * sizeof(BlockQ2_0);
  static constexpr int kOffset = 1;
  static constexpr bool kHasMin = false;

  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const auto* blocks = reinterpret_cast<const BlockQ2_0*>(unit);
    const auto quants = [&](int i) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks[i].quants));
    };
    const __m512i bytes = four_lanes(quants(0), quants(1), quants(2), quants(3));
    Weights out;
    unrolled<kUnitVectors>([&](auto v) {
      constexpr int kV = v;
      const __m512i byte =
          _mm512_and_si512(_mm512_srli_epi32(bytes, 8 * kV), _mm512_set1_epi32(255));
      out.quants[v] = spread_byte(byte);
    });
    static constexpr Lanes32 kBlockOf = lanes32([](int j) { return j / 4; });
    const __m128 d = _mm_setr_ps(_cvtsh_ss(blocks[0].d_f16), _cvtsh_ss(blocks[1].d_f16),
                                 _cvtsh_ss(blocks[2].d_f16), _cvtsh_ss(blocks[3].d_f16));
    out.scale = _mm512_permutexvar_ps(vector_of(kBlockOf), _mm512_castps128_ps512(d));
    return out;
  }
};

// Two blocks of two values: a 16-bit word of bits for each lane.
template <>
struct Format<DType::Q1_0> : BySixteens {
  static constexpr size_t kBlock = kBlock128;
  static constexpr size_t kBlockBytes = sizeof(BlockQ1_0);
  static constexpr size_t kUnitBytes = 2 * sizeof(BlockQ1_0);
  static constexpr int kOffset = 1;
  static constexpr bool kHasMin = false;

  static HEARTH_INLINE Weights unpack(const std::byte* unit) {
    const auto* blocks = reinterpret_cast<const BlockQ1_0*>(unit);
    const auto bits = [&](int i) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks[i].bits));
    };
    const __m512i words =
        _mm512_cvtepu16_epi32(_mm256_inserti128_si256(_mm256_castsi128_si256(bits(0)), bits(1), 1));
    Weights out;
    unrolled<kUnitVectors>([&](auto v) {
      constexpr int kByte = v / 2;
      const __m512i everywhere = _mm512_broadcast_i32x4(_mm_setr_epi8(
          kByte, kByte, kByte, kByte, kByte + 4, kByte + 4, kByte + 4, kByte + 4, kByte + 8,
          kByte + 8, kByte + 8, kByte + 8, kByte + 12, kByte + 12, kByte + 12, kByte + 12));
      const __m512i tests = _mm512_set1_epi32(v % 2 == 0 ? 0x08040201 : int32_t(0x80402010));
      const __mmask64 set = _mm512_test_epi8_mask(_mm512_shuffle_epi8(words, everywhere), tests);
      out.quants[v] = _mm512_maskz_set1_epi8(set, 2);
    });
    out.scale = _mm512_mask_mov_ps(_mm512_set1_ps(_cvtsh_ss(blocks[0].d_f16)), 0xFF00,
                                   _mm512_set1_ps(_cvtsh_ss(blocks[1].d_f16)));
    return out;
  }
};

}  // namespace

void dot_codebook_avx512(DType type, const DotArgs& args) {
  with_codebook_format<Format>(type,
                               [&](auto format) { dot_decode<Isa512, decltype(format)>(args); });
}

}  // namespace hearth
