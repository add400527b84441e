// Granite 3 (IBM): a Llama with factors on embedding, residual stream, scores and logits.
#include "model/family.h"

namespace hearth::model {

Result<void> bind_llama(Family& family);

Result<void> bind_granite(Family& family) {
  HEARTH_CHECK(bind_llama(family));
  ModelConfig& config = family.config();
  HEARTH_TRY(const double embedding, family.keys.real_or("embedding_scale", 0, 1e6, 0));
  HEARTH_TRY(const double residual, family.keys.real_or("residual_scale", 0, 1e6, 0));
  HEARTH_TRY(const double attention, family.keys.real_or("attention.scale", 0, 1e6, 0));
  HEARTH_TRY(const double logits, family.keys.real("logit_scale", 1e-6, 1e6));
  HEARTH_TRY(const bool turned, family.keys.flag_or("rope.scaling.finetuned", true));
  if (embedding != 0) config.embedding_scale = static_cast<float>(embedding);
  if (residual != 0) config.residual_scale = static_cast<float>(residual);
  config.logit_scale = static_cast<float>(1 / logits);
  for (LayerConfig& layer : config.layers) {
    if (attention != 0) layer.attention.scale = static_cast<float>(attention);
    if (!turned) layer.attention.rope = kNoRope;
  }
  return {};
}

}  // namespace hearth::model
