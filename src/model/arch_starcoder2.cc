// StarCoder 2 (Lozhkov et al. 2024, arXiv 2402.19173): layer norms and biases everywhere, a plain
// GELU between two matrices.
#include "model/family.h"

namespace hearth::model {

Result<void> bind_qwen2(Family& family);

Result<void> bind_starcoder2(Family& family) {
  family.config().activation = Activation::gelu;
  family.gated = false;
  return bind_qwen2(family);
}

}  // namespace hearth::model
