// Gemma 3 (Kamath et al. 2025, arXiv 2503.19786): five of six layers see a window and have a rope
// of their own; queries and keys are normed head by head.
#include <cmath>

#include "model/family.h"

namespace hearth::model {

Result<void> bind_gemma3(Family& family) {
  constexpr size_t kPeriod = 6;
  constexpr size_t kLayersOf27B = 62;
  ModelConfig& config = family.config();
  config.activation = Activation::gelu;
  config.embedding_scale = std::sqrt(static_cast<float>(config.n_embd));
  HEARTH_CHECK(family.read_attention());
  HEARTH_CHECK(family.read_windows(kPeriod));
  HEARTH_TRY(const RopeConfig rope, family.read_rope(RopeConfig::Pairs::halves));
  config.ropes = {rope};
  // Files of the first days do not name the base of sliding layers.
  HEARTH_CHECK(family.add_sliding_rope(rope, 10000.0));
  HEARTH_TRY(const double cap, family.keys.real_or("final_logit_softcapping", 0, 1e6, 0));
  config.logit_softcap = static_cast<float>(cap);
  for (size_t i = 0; i < family.n_layers(); ++i) {
    AttentionConfig& attention = family.layer_config(i).attention;
    if (family.n_layers() == kLayersOf27B) {
      attention.scale = 1.0f / std::sqrt(static_cast<float>(config.n_embd / attention.n_heads));
    }
    HEARTH_CHECK(family.bind_normed_layer(i));
    HEARTH_CHECK(family.bind_head_norms(i, std::get<AttentionWeights>(family.layer(i).mixer)));
  }
  return family.bind_ends();
}

}  // namespace hearth::model
