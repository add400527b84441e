// Dot products on registers alone, as many as AVX-VNNI can do (tensor/peak.h).
#include <immintrin.h>

#include "tensor/kernels/levels.h"

namespace hearth {

uint64_t multiply_add_int8_avxvnni(uint64_t rounds) {
  constexpr size_t kSums = 12;  // enough to cover the latency of two units
  __m256i sums[kSums];
  for (__m256i& sum : sums) sum = _mm256_setzero_si256();
  __m256i a = _mm256_setzero_si256();
  for (uint64_t i = 0; i < rounds; ++i) {
    asm volatile("" : "+x"(a));  // lest the loop's product be computed once
    for (__m256i& sum : sums) sum = _mm256_dpbusd_avx_epi32(sum, a, a);
  }
  for (__m256i& sum : sums) asm volatile("" : "+x"(sum));
  return rounds * kSums * 32;
}

}  // namespace hearth
