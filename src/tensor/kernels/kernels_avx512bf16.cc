// AVX-512 BF16: prompts against weights in F16 and BF16 by vdpbf16ps, two products in a lane.
// Activations (and weights in F16) are rounded to BF16, as the format itself would have it.
#include <immintrin.h>

#include "tensor/kernels/isa_avx512.h"
#include "tensor/kernels/levels.h"
#include "tensor/kernels/panel_float.h"
#include "tensor/kernels/simd_avx512.h"

namespace hearth {
namespace {

// Bits as a vector of BF16; the type has no casts of its own.
HEARTH_INLINE __m512bh halves(__m512 words) {
  __m512bh out;
  std::memcpy(&out, &words, sizeof out);
  return out;
}
HEARTH_INLINE __m512 words(__m512bh halves) {
  __m512 out;
  std::memcpy(&out, &halves, sizeof out);
  return out;
}

struct HalfPairs {
  static constexpr size_t kPlaces = 2;
  template <Storage storage>
  static HEARTH_INLINE __m512 read(const uint16_t* from) {
    if constexpr (storage == Storage::bf16) return _mm512_loadu_ps(from);
    return words(_mm512_cvtne2ps_pbh(Avx512::load_f16(from + 16), Avx512::load_f16(from)));
  }
  static HEARTH_INLINE __m512 multiply(__m512 acc, __m512 x, __m512 w) {
    return _mm512_dpbf16_ps(acc, halves(x), halves(w));
  }
  static const float* tile(const Activations& x, size_t i) {
    return x.packed_halves + i * Activations::half_words(x.n);
  }
};

void gemm(DType type, const DotArgs& args, std::byte* scratch) {
  if (type == DType::F16) return gemm_float<Isa512, HalfPairs, Storage::f16>(args, scratch);
  if (type == DType::BF16) return gemm_float<Isa512, HalfPairs, Storage::bf16>(args, scratch);
  gemm_avx512(type, args, scratch);
}

PackedForm packed_form(DType type) {
  if (type == DType::F16 || type == DType::BF16) return PackedForm::halves;
  return quants_or_floats(type);
}

void pack_halves(const float* values, size_t n, size_t columns, float* out) {
  const auto read = [&](size_t c, size_t i) {
    float padded[16] = {};
    std::memcpy(padded, values + c * n + 2 * i, std::min<size_t>(16, n - 2 * i) * sizeof(float));
    const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(padded));
    __m256i bits;
    std::memcpy(&bits, &rounded, sizeof bits);
    return bits;
  };
  interleave_words((n + 1) / 2, columns, read, out);
}

}  // namespace

void use_avx512_bf16(Kernels& kernels) {
  kernels.gemm = gemm;
  kernels.packed_form = packed_form;
  kernels.pack_halves = pack_halves;
}

}  // namespace hearth
