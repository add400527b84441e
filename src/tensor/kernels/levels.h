// What each instruction-set file hands to the dispatch.
#pragma once

#include "tensor/kernels.h"

namespace hearth {

Kernels make_avx2_kernels();    // needs AVX2, FMA, F16C
Kernels make_avx512_kernels();  // needs AVX-512 F, BW, DQ, VL, VNNI

// The attention part of a table, compiled apart.
void fill_attention_avx2(Kernels& kernels);
void fill_attention_avx512(Kernels& kernels);

}  // namespace hearth
