// AVX2 with FMA and F16C.
#include "tensor/kernels/isa_avx2.h"
#include "tensor/kernels/levels.h"

namespace hearth {

Kernels make_avx2_kernels() {
  Kernels kernels;
  kernels.level = IsaLevel::avx2;
  kernels.name = "avx2";
  kernels.dot = dot_any<Avx2, Format, Isa256, dot_codebook_avx2>;
  kernels.gemm = gemm_any<Avx2, Format, Isa256, gemm_codebook_avx2>;
  fill_packing<Isa256>(kernels);
  fill_vector_ops<Avx2>(kernels);
  fill_attention_avx2(kernels);
  return kernels;
}

}  // namespace hearth
