// Multiply-adds on registers alone, as many as AVX2 can do (tensor/peak.h).
#include <immintrin.h>

#include "tensor/kernels/levels.h"

namespace hearth {
namespace {

// Enough independent sums to cover the latency of two units.
constexpr size_t kSums = 12;

// Keeps the compiler from computing the loop's product once.
template <class V>
void forget(V& value) {
  asm volatile("" : "+x"(value));
}

}  // namespace

uint64_t multiply_add_int8_avx2(uint64_t rounds) {
  __m256i sums[kSums];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  __m256i a = _mm256_setzero_si256();
  __m256i b = _mm256_setzero_si256();
  for (uint64_t i = 0; i < rounds; ++i) {
    forget(a);
    for (__m256i& sum : sums) {
      forget(b);  // a product for each sum, by the instructions of an 8-bit dot without VNNI
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), a));
    }
  }
  for (__m256i& sum : sums) forget(sum);
  return rounds * kSums * 32;
}

uint64_t multiply_add_f32_avx2(uint64_t rounds) {
  __m256 sums[kSums];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  __m256 a = _mm256_setzero_ps();
  __m256 b = _mm256_setzero_ps();
  for (uint64_t i = 0; i < rounds; ++i) {
    forget(a);
    forget(b);
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(a, b, sum);
  }
  for (__m256& sum : sums) forget(sum);
  return rounds * kSums * 8;
}

}  // namespace hearth
