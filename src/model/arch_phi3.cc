// Phi 3 (Abdin et al. 2024, arXiv 2404.14219): projections side by side in one matrix, rope on the
// halves of a head with longrope's divisors (Ding et al. 2024, arXiv 2402.13753).
#include "model/family.h"

namespace hearth::model {

Result<void> bind_qwen2(Family& family);

Result<void> bind_phi3(Family& family) {
  family.config().router.normalize = true;
  return bind_qwen2(family);
}

}  // namespace hearth::model
