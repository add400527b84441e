// Interleaving columns for the prompt path, 8 columns by 8 words of 32 bits at a time.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/kernels.h"

namespace hearth {
namespace {

// 8 vectors of 8 32-bit lanes.
inline void transpose_8x8(__m256i (&m)[8]) {
  __m256i t[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(m[i], m[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(m[i], m[i + 1]);
  }
  __m256i u[8];  // u[4 i + j]: lanes j and 4 + j of rows 4 i to 4 i + 3
  for (int i = 0; i < 8; i += 4) {
    u[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    u[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    u[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    u[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    m[j] = _mm256_permute2x128_si256(u[j], u[4 + j], 0x20);
    m[4 + j] = _mm256_permute2x128_si256(u[j], u[4 + j], 0x31);
  }
}

// The sum of the 4 signed bytes in each lane.
inline __m256i sum_fours(__m256i bytes) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

inline void pack_columns(const int8_t* quants, const float* scales, size_t stride, size_t blocks,
                         size_t columns, const PackedTile& out) {
  for (size_t block = 0; block < blocks; ++block) {
    __m256i words[kPackedColumns];
    alignas(32) float scale[kPackedColumns] = {};
    for (size_t c = 0; c < kPackedColumns; ++c) {
      words[c] = _mm256_setzero_si256();
      if (c >= columns) continue;
      const int8_t* from = quants + c * stride + 32 * block;
      words[c] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      scale[c] = scales[c * stride / 32 + block];
    }
    transpose_8x8(words);
    __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    uint8_t* to = out.quants + 32 * block * kPackedColumns;
    for (size_t k = 0; k < 8; ++k) {
      sums[k / 4] = _mm256_add_epi32(sums[k / 4], sum_fours(words[k]));
      const __m256i plus_128 = _mm256_xor_si256(words[k], _mm256_set1_epi8(-128));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32 * k), plus_128);
    }
    const __m256 factor = _mm256_load_ps(scale);
    const auto scaled = [&](__m256i sum) { return _mm256_mul_ps(factor, _mm256_cvtepi32_ps(sum)); };
    const size_t at = block * kPackedColumns;
    _mm256_storeu_ps(out.scales + at, factor);
    _mm256_storeu_ps(out.sums_of_32 + at, scaled(_mm256_add_epi32(sums[0], sums[1])));
    _mm256_storeu_ps(out.sums_of_16 + 2 * at, scaled(sums[0]));
    _mm256_storeu_ps(out.sums_of_16 + 2 * at + kPackedColumns, scaled(sums[1]));
  }
}

// out[word][column] for the words of at most 8 columns; read(column, word) gives 8 of them, zeros
// behind the last.
template <class Read>
void interleave_words(size_t words, size_t columns, Read read, float* out) {
  for (size_t i = 0; i < words; i += 8) {
    __m256i m[kPackedColumns];
    for (size_t c = 0; c < kPackedColumns; ++c) {
      m[c] = c < columns ? read(c, i) : _mm256_setzero_si256();
    }
    transpose_8x8(m);
    for (size_t k = 0; k < 8 && i + k < words; ++k) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + (i + k) * kPackedColumns), m[k]);
    }
  }
}

inline void pack_floats(const float* values, size_t n, size_t columns, float* out) {
  const auto read = [&](size_t c, size_t i) {
    float padded[8] = {};
    std::memcpy(padded, values + c * n + i, std::min<size_t>(8, n - i) * sizeof(float));
    return _mm256_castps_si256(_mm256_loadu_ps(padded));
  };
  interleave_words(n, columns, read, out);
}

}  // namespace
}  // namespace hearth
