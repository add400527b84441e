// Attention in vectors of 256 bits, with AVX-VNNI or without it.
#pragma once

#include "tensor/kernels/kv_store.h"
#include "tensor/kernels/simd_avx2.h"

namespace hearth {
namespace {

struct Int8Cells {
  using Vector = __m256i;

  static Vector broadcast(const void* from) {
    return _mm256_set1_epi32(load_unaligned<int32_t>(from));
  }
  static void store(void* to, Vector sum) { _mm256_storeu_si256(static_cast<__m256i*>(to), sum); }
};

struct Attention256 : Avx2 {
  static constexpr int kRows = 4;
  static constexpr int kVectors = 2;

  // |key| times the query with the key's sign: 2 * 127 * 127 fits the 16-bit sums that there are
  // without VNNI, where the stored key + 128 would not.
  struct Int8Keys : Int8Cells {
    static constexpr size_t kVectorBytes = 32;
    struct Cells {
      __m256i keys;
      __m256i magnitudes;
    };
    static Cells load(const std::byte* from) {
      const __m256i stored = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      const __m256i keys = _mm256_xor_si256(stored, _mm256_set1_epi8(-128));
      return {keys, _mm256_abs_epi8(keys)};
    }
    static Vector step(Vector sum, const Cells& cells, Vector query) {
      return dot_bytes(sum, cells.magnitudes, _mm256_sign_epi8(query, cells.keys));
    }
    static int32_t start(int32_t) { return 0; }
  };

  struct Int8Values : Int8Cells {
    using Cells = __m256i;
    static constexpr size_t kVectorBytes = 16;
    static Cells load(const std::byte* from) {
      return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    }
    static Vector step(Vector sum, Cells values, Vector weights) {
      return _mm256_add_epi32(sum, _mm256_madd_epi16(values, weights));
    }
  };

  static V from_int32(const void* from) {
    return _mm256_cvtepi32_ps(_mm256_loadu_si256(static_cast<const __m256i*>(from)));
  }
  // As in attention_avx512.cc; 0 below 2^-126.
  static V exp2(V x) {
    const V normal = _mm256_cmp_ps(x, set(-126.0f), _CMP_NLT_UQ);  // NaN stays NaN
    x = max(set(-126.0f), x);
    const V whole = _mm256_floor_ps(x);
    const V r = sub(x, whole);
    V p = set(0.0018671303f);
    p = fma(p, r, set(0.00901703f));
    p = fma(p, r, set(0.055799913f));
    p = fma(p, r, set(0.24016444f));
    p = fma(p, r, set(0.6931513f));
    p = fma(p, r, set(1.0f));
    return _mm256_and_ps(times_pow2(p, whole), normal);
  }
  // The first `count` lanes of a, and behind them those of b.
  static V join(V a, size_t count, V b) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i kept = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes);
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(kept));
  }
  // Rounds to the nearest integers, at most 32767.
  static void store_i16(int16_t* to, V a) {
    const __m256i words = _mm256_cvtps_epi32(a);
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(to),
        _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  // Pairs (a, b) turned by angles given as (cosine, sine).
  static V rotate(V pairs, V cos_sin) {
    const V turned = mul(_mm256_permute_ps(pairs, 0xb1), _mm256_movehdup_ps(cos_sin));
    return _mm256_fmaddsub_ps(pairs, _mm256_moveldup_ps(cos_sin), turned);
  }
};

}  // namespace
}  // namespace hearth
