// SmolLM 3: a Llama of which every fourth layer turns nothing (Yang et al. 2025, arXiv 2501.18795).
#include "model/family.h"

namespace hearth::model {

Result<void> bind_llama(Family& family);

Result<void> bind_smollm3(Family& family) {
  constexpr size_t kPeriod = 4;
  HEARTH_CHECK(bind_llama(family));
  for (size_t i = kPeriod - 1; i < family.n_layers(); i += kPeriod) {
    family.layer_config(i).attention.rope = kNoRope;
  }
  return {};
}

}  // namespace hearth::model
