// OLMo 2 and 3 (OLMo et al. 2025, arXiv 2501.00656): norms behind the blocks instead of before
// them, queries and keys normed over all heads; in the third generation most layers see a window
// and have an unscaled rope.
#include "model/family.h"

namespace hearth::model {

Result<void> bind_olmo2(Family& family) {
  constexpr size_t kPeriod = 4;
  HEARTH_CHECK(family.read_attention());
  HEARTH_CHECK(family.read_windows(kPeriod));
  HEARTH_TRY(const RopeConfig rope, family.read_rope(RopeConfig::Pairs::halves));
  family.config().ropes = {rope};
  HEARTH_CHECK(family.add_sliding_rope(rope, rope.base));
  for (size_t i = 0; i < family.n_layers(); ++i) {
    const LayerConfig& config = family.layer_config(i);
    LayerWeights& layer = family.layer(i);
    HEARTH_TRY(AttentionWeights attention, family.bind_attention(i));
    attention.norms_whole = true;
    HEARTH_TRY(attention.q_norm, family.binder.vector(family.name(i, "attn_q_norm.weight"),
                                                      config.attention.q_width()));
    HEARTH_TRY(attention.k_norm, family.binder.vector(family.name(i, "attn_k_norm.weight"),
                                                      config.attention.k_width()));
    layer.mixer = attention;
    HEARTH_TRY(layer.attn_post_norm, family.bind_norm(i, "post_attention_norm"));
    HEARTH_TRY(layer.ffn, family.bind_feed_forward(i, config.n_ff));
    HEARTH_TRY(layer.ffn_post_norm, family.bind_norm(i, "post_ffw_norm"));
  }
  return family.bind_ends();
}

}  // namespace hearth::model
