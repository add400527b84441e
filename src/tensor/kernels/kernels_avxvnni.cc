// AVX2 with the 8-bit dot instruction of AVX-VNNI, as laptop processors without AVX-512 have it.
#include "tensor/kernels/isa_avx2.h"
#include "tensor/kernels/levels.h"

namespace hearth {

Kernels make_avxvnni_kernels() {
  Kernels kernels = make_avx2_kernels();
  kernels.level = IsaLevel::avxvnni;
  kernels.name = "avxvnni";
  kernels.dot = dot_any<Avx2, Format, Isa256, dot_codebook_avxvnni>;
  kernels.gemm = gemm_any<Avx2, Format, Isa256, gemm_codebook_avxvnni>;
  fill_attention_avxvnni(kernels);
  return kernels;
}

}  // namespace hearth
