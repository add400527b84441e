// What each instruction-set file hands to the dispatch.
#pragma once

#include "tensor/kernels.h"

namespace hearth {

Kernels make_avx2_kernels();    // needs AVX2, FMA, F16C
Kernels make_avx512_kernels();  // needs AVX-512 F, BW, DQ, VL, VNNI

// The dots of the AVX-512 level, which have a file of their own.
void dot_avx512(DType type, const DotArgs& args);

}  // namespace hearth
