// The blocks of the codebook, ternary and FP4 formats as floats, weight by weight: the part of
// reference::dequantize() that has tables.
#pragma once

#include "tensor/blocks.h"

namespace hearth::reference {

// All weights of a block (docs/formats/blocks.md) to out[weights of the block].
void expand(const BlockIQ2_XXS& block, float* out);
void expand(const BlockIQ2_XS& block, float* out);
void expand(const BlockIQ2_S& block, float* out);
void expand(const BlockIQ3_XXS& block, float* out);
void expand(const BlockIQ3_S& block, float* out);
void expand(const BlockIQ1_S& block, float* out);
void expand(const BlockIQ1_M& block, float* out);
void expand(const BlockIQ4_NL& block, float* out);
void expand(const BlockIQ4_XS& block, float* out);
void expand(const BlockTQ1_0& block, float* out);
void expand(const BlockTQ2_0& block, float* out);
void expand(const BlockQ1_0& block, float* out);
void expand(const BlockQ2_0& block, float* out);
void expand(const BlockMXFP4& block, float* out);
void expand(const BlockNVFP4& block, float* out);

}  // namespace hearth::reference
