// 64 quants in a vector, multiplied by vpdpbusd: what panel_gemm.h asks of AVX-512 with VNNI.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/kernels/unrolled.h"

namespace hearth {
namespace {

struct Isa512 {
  static constexpr size_t kStep = 64;
  using Floats = __m512;
  using Ints = __m512i;

  static HEARTH_INLINE Floats zero() { return _mm512_setzero_ps(); }
  static HEARTH_INLINE Ints int_zero() { return _mm512_setzero_si512(); }
  static HEARTH_INLINE Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static HEARTH_INLINE Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static HEARTH_INLINE Floats to_float(Ints a) { return _mm512_cvtepi32_ps(a); }
  static constexpr size_t kLanes = 16;
  static constexpr size_t kRowVectors = 2;
  static constexpr size_t kTileColumns = 8;

  static HEARTH_INLINE Ints bytes(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }
  static HEARTH_INLINE Floats set(float value) { return _mm512_set1_ps(value); }
  static HEARTH_INLINE Ints sub(Ints a, Ints b) { return _mm512_sub_epi32(a, b); }
  static HEARTH_INLINE Ints load_ints(const void* from) { return _mm512_load_si512(from); }
  static HEARTH_INLINE Floats load_floats(const float* from) { return _mm512_load_ps(from); }
  static HEARTH_INLINE void store_ints(void* to, Ints a) { _mm512_store_si512(to, a); }
  static HEARTH_INLINE void store_floats(float* to, Floats a) { _mm512_store_ps(to, a); }
  static HEARTH_INLINE Ints broadcast(const uint8_t* four) {
    int word;
    std::memcpy(&word, four, sizeof word);
    return _mm512_set1_epi32(word);
  }
  template <class F>
  static HEARTH_INLINE Ints dot_packed(Ints acc, Ints activations, Ints weights) {
    return _mm512_dpbusd_epi32(acc, activations, weights);
  }
  template <int kOffset>
  static HEARTH_INLINE Ints to_signed(Ints quants) {
    return _mm512_sub_epi8(quants, bytes(kOffset));
  }
  static HEARTH_INLINE void transpose(Ints (&m)[16]) {
    Ints t[16];
    unrolled<8>([&](auto i) {
      t[2 * i] = _mm512_unpacklo_epi32(m[2 * i], m[2 * i + 1]);
      t[2 * i + 1] = _mm512_unpackhi_epi32(m[2 * i], m[2 * i + 1]);
    });
    Ints u[16];  // u[4 i + j]: lanes 4 q + j of rows 4 i to 4 i + 3, for each quarter q
    unrolled<4>([&](auto i) {
      u[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
      u[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
      u[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
      u[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    });
    unrolled<4>([&](auto j) {
      const Ints low_even = _mm512_shuffle_i32x4(u[j], u[4 + j], 0x88);
      const Ints low_odd = _mm512_shuffle_i32x4(u[j], u[4 + j], 0xDD);
      const Ints high_even = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0x88);
      const Ints high_odd = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0xDD);
      m[j] = _mm512_shuffle_i32x4(low_even, high_even, 0x88);
      m[4 + j] = _mm512_shuffle_i32x4(low_odd, high_odd, 0x88);
      m[8 + j] = _mm512_shuffle_i32x4(low_even, high_even, 0xDD);
      m[12 + j] = _mm512_shuffle_i32x4(low_odd, high_odd, 0xDD);
    });
  }
  static HEARTH_INLINE void transpose(Floats (&m)[16]) {
    Ints ints[16];
    unrolled<16>([&](auto i) { ints[i] = _mm512_castps_si512(m[i]); });
    transpose(ints);
    unrolled<16>([&](auto i) { m[i] = _mm512_castsi512_ps(ints[i]); });
  }
};

}  // namespace
}  // namespace hearth
