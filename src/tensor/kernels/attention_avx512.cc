// Attention with AVX-512 VNNI: 64 products of a Q8_0 key, or 32 of a value, in one instruction.
#include "tensor/kernels/kv_store.h"
#include "tensor/kernels/levels.h"
#include "tensor/kernels/simd_avx512.h"

namespace hearth {
namespace {

struct Int8Cells {
  using Vector = __m512i;
  using Cells = __m512i;

  static Vector broadcast(const void* from) {
    return _mm512_set1_epi32(load_unaligned<int32_t>(from));
  }
  static void store(void* to, Vector sum) { _mm512_storeu_si512(to, sum); }
};

struct Attention512 : Avx512 {
  static constexpr int kRows = 6;
  static constexpr int kVectors = 4;

  // The instruction takes unsigned times signed: keys are stored with 128 added, and the sum starts
  // with what that adds.
  struct Int8Keys : Int8Cells {
    static constexpr size_t kVectorBytes = 64;
    static Cells load(const std::byte* from) { return _mm512_loadu_si512(from); }
    static Vector step(Vector sum, Cells keys, Vector query) {
      return _mm512_dpbusd_epi32(sum, keys, query);
    }
    static int32_t start(int32_t sum_of_query) { return -128 * sum_of_query; }
  };

  struct Int8Values : Int8Cells {
    static constexpr size_t kVectorBytes = 32;
    static Cells load(const std::byte* from) {
      return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
    }
    static Vector step(Vector sum, Cells values, Vector weights) {
      return _mm512_dpwssd_epi32(sum, values, weights);
    }
  };

  static V from_int32(const void* from) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(from)); }
  // 2^x for x up to 127 to a relative error of 2^-23: the polynomial has 8.3e-8 on [0, 1), fitted
  // for the least largest relative error with the value 1 at 0.
  static V exp2(V x) {
    const V r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);  // x - floor(x)
    V p = set(0.0018671303f);
    p = fma(p, r, set(0.00901703f));
    p = fma(p, r, set(0.055799913f));
    p = fma(p, r, set(0.24016444f));
    p = fma(p, r, set(0.6931513f));
    p = fma(p, r, set(1.0f));
    return _mm512_scalef_ps(p, x);
  }
  // The first `count` lanes of a, and behind them those of b.
  static V join(V a, size_t count, V b) {
    return _mm512_mask_mov_ps(b, static_cast<__mmask16>((1u << count) - 1), a);
  }
  // Rounds to the nearest integers, at most 32767.
  static void store_i16(int16_t* to, V a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(a)));
  }
  // Pairs (a, b) turned by angles given as (cosine, sine).
  static V rotate(V pairs, V cos_sin) {
    const V turned = mul(_mm512_permute_ps(pairs, 0xb1), _mm512_movehdup_ps(cos_sin));
    return _mm512_fmaddsub_ps(pairs, _mm512_moveldup_ps(cos_sin), turned);
  }
};

}  // namespace

void fill_attention_avx512(Kernels& kernels) { fill_attention<Attention512>(kernels); }

}  // namespace hearth
