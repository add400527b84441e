// Llama (Touvron et al. 2023, arXiv 2302.13971) and what is built like it: RMS norm before each
// block, grouped-query attention, SwiGLU, or experts as Mixtral has them (Jiang et al. 2024, arXiv
// 2401.04088).
#include "model/family.h"

namespace hearth::model {

Result<void> bind_llama(Family& family) {
  family.config().router.normalize = true;
  HEARTH_CHECK(family.read_attention());
  HEARTH_TRY(const RopeConfig rope, family.read_rope(RopeConfig::Pairs::neighbours));
  family.config().ropes = {rope};
  for (size_t i = 0; i < family.n_layers(); ++i) HEARTH_CHECK(family.bind_plain_layer(i));
  return family.bind_ends();
}

}  // namespace hearth::model
