// Multiply-adds on registers alone, as many as AVX-512 can do (tensor/peak.h).
#include <immintrin.h>

#include "tensor/kernels/levels.h"

namespace hearth {
namespace {

// Enough independent sums to cover the latency of two units.
constexpr size_t kSums = 12;

// Keeps the compiler from computing the loop's product once.
template <class V>
void forget(V& value) {
  asm volatile("" : "+v"(value));
}

}  // namespace

uint64_t multiply_add_int8_avx512(uint64_t rounds) {
  __m512i sums[kSums];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  __m512i a = _mm512_setzero_si512();
  __m512i b = _mm512_setzero_si512();
  for (uint64_t i = 0; i < rounds; ++i) {
    forget(a);
    forget(b);
    for (__m512i& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, b);
  }
  for (__m512i& sum : sums) forget(sum);
  return rounds * kSums * 64;
}

uint64_t multiply_add_f32_avx512(uint64_t rounds) {
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  __m512 a = _mm512_setzero_ps();
  __m512 b = _mm512_setzero_ps();
  for (uint64_t i = 0; i < rounds; ++i) {
    forget(a);
    forget(b);
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(a, b, sum);
  }
  for (__m512& sum : sums) forget(sum);
  return rounds * kSums * 16;
}

__attribute__((target("avx512bf16"))) uint64_t multiply_add_bf16_avx512(uint64_t rounds) {
  __m512 sums[kSums];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  __m512i a = _mm512_setzero_si512();
  __m512i b = _mm512_setzero_si512();
  for (uint64_t i = 0; i < rounds; ++i) {
    forget(a);
    forget(b);
    for (__m512& sum : sums) sum = _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
  }
  for (__m512& sum : sums) forget(sum);
  return rounds * kSums * 32;
}

}  // namespace hearth
