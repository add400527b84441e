// The types whose quants come out of tables, on AVX2.
#include "tensor/kernels/codebook_formats_avx2.h"
#include "tensor/kernels/levels.h"

namespace hearth {

void dot_codebook_avx2(DType type, const DotArgs& args) {
  with_codebook_format<Format>(type,
                               [&](auto format) { dot_quantized<Isa256, decltype(format)>(args); });
}

void gemm_codebook_avx2(DType type, const DotArgs& args, std::byte* scratch) {
  with_codebook_format<Format>(
      type, [&](auto format) { gemm_quantized<Isa256, decltype(format)>(args, scratch); });
}

}  // namespace hearth
