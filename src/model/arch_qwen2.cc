// Qwen 2 (Yang et al. 2024, arXiv 2407.10671): a Llama with biases on queries, keys and values, and
// rope on the halves of a head.
#include "model/family.h"

namespace hearth::model {

Result<void> bind_qwen2(Family& family) {
  HEARTH_CHECK(family.read_attention());
  HEARTH_TRY(const RopeConfig rope, family.read_rope(RopeConfig::Pairs::halves));
  family.config().ropes = {rope};
  for (size_t i = 0; i < family.n_layers(); ++i) HEARTH_CHECK(family.bind_plain_layer(i));
  return family.bind_ends();
}

}  // namespace hearth::model
