// Few columns on AVX-512 with VNNI: the instruction set that decode_tile.h asks for, and what the
// formats share that say how four vectors of quants and their 16 lane scales come out of 256
// weights of the file.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "tensor/blocks.h"
#include "tensor/kernels/decode_tile.h"
#include "tensor/kernels/lanes_avx512.h"

namespace hearth {
namespace {

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

// A format may take the 16 weights of a lane in pairs: 0, 1, 8, 9, then 2, 3, 10, 11 and so on.
template <class F>
concept InPairs = F::kPairs;

template <class F>
HEARTH_INLINE __m512i sixteens(const int8_t* quants) {
  const __m512i q = _mm512_loadu_si512(quants);
  if constexpr (!InPairs<F>) return q;
  const __m128i pairs = _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
  return _mm512_shuffle_epi8(q, _mm512_broadcast_i32x4(pairs));
}

// Each vector takes its 16 fours of quants out of all 64: those from the first and from the second
// half are looked up separately.
template <class F>
void Isa512::arrange(const int8_t* quants, const float* scales, ColumnUnit& out) {
  const __m512i q[] = {sixteens<F>(quants), sixteens<F>(quants + 64), sixteens<F>(quants + 128),
                       sixteens<F>(quants + 192)};
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
struct NibbleLanes {
  static constexpr int block(int lane) { return lane / 4 + 4 * (lane % 4 / 2); }
  static constexpr int dword(int v, int lane) {
    return block(lane) * 8 + v % 2 * 4 + v / 2 * 2 + lane % 2;
  }

  // From the bytes of blocks 0 to 3 and those of blocks 4 to 7.
  static HEARTH_INLINE void spread(__m512i low, __m512i high, Weights& out) {
    const __m512i first = _mm512_unpacklo_epi64(low, high);
    const __m512i second = _mm512_unpackhi_epi64(low, high);
    out.quants[0] = low_nibbles(first);
    out.quants[1] = high_nibbles(first);
    out.quants[2] = low_nibbles(second);
    out.quants[3] = high_nibbles(second);
  }
};

template <class Block, int offset, bool has_min>
struct NibbleFormat : NibbleLanes {
  static constexpr size_t kBlock = 32;
  static constexpr size_t kBlockBytes = sizeof(Block);
  static constexpr size_t kUnitBytes = 8 * sizeof(Block);
  static constexpr int kOffset = offset;
  static constexpr bool kHasMin = has_min;

  static HEARTH_INLINE void unpack_nibbles(const EightBlocks<Block>& blocks, Weights& out) {
    constexpr int kQuants = offsetof(Block, quants);
    static constexpr Lanes16 kIndex =
        lanes16([](int j) { return EightBlocks<Block>::word(j / 8, kQuants) + j % 8; });
    const __m512i index = vector_of(kIndex);
    spread(_mm512_permutex2var_epi16(blocks.pair[0], index, blocks.pair[1]),
           _mm512_permutex2var_epi16(blocks.pair[2], index, blocks.pair[3]), out);
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

// --- Blocks of 256. ---

template <class Block, int offset, bool has_min>
struct SuperFormat {
  static constexpr size_t kBlock = kSuperBlock;
  static constexpr size_t kBlockBytes = sizeof(Block);
  static constexpr size_t kUnitBytes = sizeof(Block);
  static constexpr int kOffset = offset;
  static constexpr bool kHasMin = has_min;
};

template <DType>
struct Format;

}  // namespace
}  // namespace hearth
