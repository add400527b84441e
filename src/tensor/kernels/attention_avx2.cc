#include "tensor/kernels/attention_256.h"
#include "tensor/kernels/levels.h"

namespace hearth {

void fill_attention_avx2(Kernels& kernels) { fill_attention<Attention256>(kernels); }

}  // namespace hearth
