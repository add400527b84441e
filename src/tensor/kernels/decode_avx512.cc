// Few columns on AVX-512 with VNNI (decode_tile.h): 64 quants in a vector, multiplied by vpdpbusd
// (unsigned weights, signed activations). Each format only says how four vectors of quants and
// their 16 lane scales come out of 256 weights of the file.
#include <immintrin.h>

#include <cstddef>

#include "tensor/blocks.h"
#include "tensor/kernels/decode_tile.h"
#include "tensor/kernels/levels.h"
#include "tensor/kernels/quant_tile.h"
#include "tensor/kernels/scale_decode.h"
#include "tensor/kernels/simd_avx512.h"
#include "tensor/kernels/vector_ops.h"

namespace hearth {
namespace {

// A constant vector whose 32-bit lane j (or 16-bit lane j) is f(j).
struct alignas(64) Lanes32 {
  int32_t at[16];
};
struct alignas(64) Lanes16 {
  int16_t at[32];
};
template <class Function>
constexpr Lanes32 lanes32(Function f) {
  Lanes32 lanes{};
  for (int j = 0; j < 16; ++j) lanes.at[j] = static_cast<int32_t>(f(j));
  return lanes;
}
template <class Function>
constexpr Lanes16 lanes16(Function f) {
  Lanes16 lanes{};
  for (int j = 0; j < 32; ++j) lanes.at[j] = static_cast<int16_t>(f(j));
  return lanes;
}
HEARTH_INLINE __m512i vector_of(const Lanes32& lanes) { return _mm512_load_si512(lanes.at); }
HEARTH_INLINE __m512i vector_of(const Lanes16& lanes) { return _mm512_load_si512(lanes.at); }

struct Isa512 {
  using Floats = __m512;
  using Ints = __m512i;

  static HEARTH_INLINE Floats zero() { return _mm512_setzero_ps(); }
  static HEARTH_INLINE Ints int_zero() { return _mm512_setzero_si512(); }
  static HEARTH_INLINE Floats load(const float* from) { return _mm512_load_ps(from); }
  static HEARTH_INLINE Ints load(const int32_t* from) { return _mm512_load_si512(from); }
  static HEARTH_INLINE Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static HEARTH_INLINE Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static HEARTH_INLINE Floats to_float(Ints a) { return _mm512_cvtepi32_ps(a); }
  static HEARTH_INLINE float sum(Floats a) { return _mm512_reduce_add_ps(a); }
  static HEARTH_INLINE Ints dot(Ints acc, Ints weights, const int8_t* quants) {
    return _mm512_dpbusd_epi32(acc, weights, _mm512_load_si512(quants));
  }

  template <class F>
  static void arrange(const int8_t* quants, const float* scales, ColumnUnit& out);
};

// Each vector takes its 16 fours of quants out of all 64: those from the first and from the second
// half are looked up separately.
template <class F>
void Isa512::arrange(const int8_t* quants, const float* scales, ColumnUnit& out) {
  const __m512i q[] = {_mm512_loadu_si512(quants), _mm512_loadu_si512(quants + 64),
                       _mm512_loadu_si512(quants + 128), _mm512_loadu_si512(quants + 192)};
  __m512i sums = int_zero();
  unrolled<kUnitVectors>([&](auto v) {
    constexpr int kV = v;
    static constexpr Lanes32 kIndex = lanes32([](int j) { return F::dword(kV, j) % 32; });
    constexpr auto kUpper = [] {
      uint16_t mask = 0;
      for (int j = 0; j < 16; ++j) {
        if (F::dword(kV, j) >= 32) mask = static_cast<uint16_t>(mask | 1 << j);
      }
      return mask;
    }();
    const __m512i low = _mm512_permutex2var_epi32(q[0], vector_of(kIndex), q[1]);
    const __m512i high = _mm512_permutex2var_epi32(q[2], vector_of(kIndex), q[3]);
    const __m512i quads = _mm512_mask_blend_epi32(kUpper, low, high);
    _mm512_store_si512(out.quants[kV], quads);
    sums = _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), quads);
  });
  static constexpr Lanes32 kBlocks = lanes32([](int j) { return F::dword(0, j) / 8; });
  const __m512 table = _mm512_castps256_ps512(_mm256_loadu_ps(scales));
  const __m512 scale = _mm512_permutexvar_ps(vector_of(kBlocks), table);
  _mm512_store_ps(out.scales, scale);
  if constexpr (F::kHasMin) {
    _mm512_store_ps(out.sums, _mm512_mul_ps(_mm512_cvtepi32_ps(sums), scale));
  } else {
    const __m512i offset = _mm512_set1_epi32(-F::kOffset);
    _mm512_store_si512(out.starts, _mm512_mullo_epi32(sums, offset));
  }
}

using Weights = Unpacked<Isa512>;

HEARTH_INLINE __m512i low_nibbles(__m512i bytes) {
  return _mm512_and_si512(bytes, _mm512_set1_epi8(15));
}
HEARTH_INLINE __m512i high_nibbles(__m512i bytes) {
  return low_nibbles(_mm512_srli_epi16(bytes, 4));
}

// --- Blocks of 32: eight of them, two in each of four loads. ---

// Everything in these blocks stands at even bytes, so 16-bit words are looked up: out of the loads
// of blocks 0 to 3 for the first four and, with the same indices, out of those of blocks 4 to 7.
template <class Block>
struct EightBlocks {
  static constexpr int kWords = sizeof(Block) / 2;
  // Where the field of block `block` (0 to 3) that begins at byte `offset` stands in two loads.
  static constexpr int word(int block, int offset) {
    return block / 2 * 32 + block % 2 * kWords + offset / 2;
  }

  __m512i pair[4];

  HEARTH_INLINE explicit EightBlocks(const std::byte* unit) {
    constexpr __mmask32 kPair = kWords >= 16 ? ~__mmask32{0} : (__mmask32{1} << (2 * kWords)) - 1;
    unrolled<4>(
        [&](auto i) { pair[i] = _mm512_maskz_loadu_epi16(kPair, unit + i * 2 * sizeof(Block)); });
  }

  // Lane j of a format stands for block 4 * second(j) + first_four(j).
  template <class F>
  HEARTH_INLINE __m512i look_up(__m512i index) const {
    constexpr auto kSecond = [] {
      uint32_t mask = 0;
      for (int j = 0; j < 32; ++j) {
        if (F::block(j % 16) >= 4) mask |= uint32_t{1} << j;
      }
      return mask;
    }();
    return _mm512_mask_blend_epi16(kSecond, _mm512_permutex2var_epi16(pair[0], index, pair[1]),
                                   _mm512_permutex2var_epi16(pair[2], index, pair[3]));
  }
  // The float of each lane's block at byte `first`; and at byte `second`, for the upper half.
  template <class F, int first, int second>
  HEARTH_INLINE __m512i halves() const {
    static constexpr Lanes16 kIndex =
        lanes16([](int j) { return word(F::block(j % 16) % 4, j < 16 ? first : second); });
    return look_up<F>(vector_of(kIndex));
  }
};

HEARTH_INLINE __m512 floats_of_lower(__m512i halves) {
  return _mm512_cvtph_ps(_mm512_castsi512_si256(halves));
}
HEARTH_INLINE __m512 floats_of_upper(__m512i halves) {
  return _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1));
}

// 16 bytes of each block, low halves before high halves.
//
// Lanes of 128 bits: the first (second) 8 bytes of block g, then of block g + 4; vectors: low and
// high nibbles of the first bytes, low and high nibbles of the second.
template <class Block, int offset, bool has_min>
struct NibbleFormat {
  static constexpr size_t kBlock = 32;
  static constexpr size_t kBlockBytes = sizeof(Block);
  static constexpr size_t kUnitBytes = 8 * sizeof(Block);
  static constexpr int kOffset = offset;
  static constexpr bool kHasMin = has_min;
  static constexpr int block(int lane) { return lane / 4 + 4 * (lane % 4 / 2); }
  static constexpr int dword(int v, int lane) {
    return block(lane) * 8 + v % 2 * 4 + v / 2 * 2 + lane % 2;
  }

  static HEARTH_INLINE void unpack_nibbles(const EightBlocks<Block>& blocks, Weights& out) {
    constexpr int kQuants = offsetof(Block, quants);
    static constexpr Lanes16 kIndex =
        lanes16([](int j) { return EightBlocks<Block>::word(j / 8, kQuants) + j % 8; });
    const __m512i index = vector_of(kIndex);
    const __m512i low = _mm512_permutex2var_epi16(blocks.pair[0], index, blocks.pair[1]);
    const __m512i high = _mm512_permutex2var_epi16(blocks.pair[2], index, blocks.pair[3]);
    const __m512i first = _mm512_unpacklo_epi64(low, high);
    const __m512i second = _mm512_unpackhi_epi64(low, high);
    out.quants[0] = low_nibbles(first);
    out.quants[1] = high_nibbles(first);
    out.quants[2] = low_nibbles(second);
    out.quants[3] = high_nibbles(second);
  }

  // Adds 16 to the quants whose bit of the block's 32 is set.
  template <class F>
  static HEARTH_INLINE void add_fifth_bits(const EightBlocks<Block>& blocks, Weights& out) {
    constexpr int kHigh = offsetof(Block, high);
    static constexpr Lanes16 kIndex =
        lanes16([](int j) { return EightBlocks<Block>::word(block(j / 2) % 4, kHigh) + j % 2; });
    constexpr auto kSecond = [] {
      uint16_t mask = 0;
      for (int j = 0; j < 16; ++j) {
        if (block(j) >= 4) mask = static_cast<uint16_t>(mask | 1 << j);
      }
      return mask;
    }();
    const __m512i index = vector_of(kIndex);
    const __m512i bits = _mm512_mask_blend_epi32(
        kSecond, _mm512_permutex2var_epi16(blocks.pair[0], index, blocks.pair[1]),
        _mm512_permutex2var_epi16(blocks.pair[2], index, blocks.pair[3]));
    // Byte k of a lane tests bit k of the four that are the lane's, in one byte of the 32 bits.
    static constexpr Lanes32 kTests =
        lanes32([](int j) { return j % 2 == 0 ? 0x08040201 : int32_t(0x80402010); });
    const __m512i tests = vector_of(kTests);
    unrolled<kUnitVectors>([&](auto v) {
      constexpr int kV = v;
      static constexpr Lanes32 kByte =
          lanes32([](int j) { return (j % 4 * 4 + kV % 2 * 2 + kV / 2) * 0x01010101; });
      const __m512i spread = _mm512_shuffle_epi8(bits, vector_of(kByte));
      const __mmask64 set = _mm512_test_epi8_mask(spread, tests);
      out.quants[kV] =
          _mm512_mask_add_epi8(out.quants[kV], set, out.quants[kV], _mm512_set1_epi8(16));
    });
  }
};

template <DType>
struct Format;

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

template <class Block, int offset, bool has_min>
struct SuperFormat {
  static constexpr size_t kBlock = kSuperBlock;
  static constexpr size_t kBlockBytes = sizeof(Block);
  static constexpr size_t kUnitBytes = sizeof(Block);
  static constexpr int kOffset = offset;
  static constexpr bool kHasMin = has_min;
};

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
  with_format<Format>(type, [&](auto format) { dot_decode<Isa512, decltype(format)>(args); });
}

}  // namespace hearth
