// GLM 4 (2025): norms before and behind each block, half of each head is turned.
#include "model/family.h"

namespace hearth::model {

Result<void> bind_glm4(Family& family) {
  HEARTH_CHECK(family.read_attention());
  // With sections the file is of a model that also sees; text stands at the same place in all of
  // them.
  const bool sections = family.keys.has("rope.dimension_sections");
  HEARTH_TRY(const RopeConfig rope, family.read_rope(sections ? RopeConfig::Pairs::halves
                                                              : RopeConfig::Pairs::neighbours));
  family.config().ropes = {rope};
  for (size_t i = 0; i < family.n_layers(); ++i) HEARTH_CHECK(family.bind_normed_layer(i));
  return family.bind_ends();
}

}  // namespace hearth::model
