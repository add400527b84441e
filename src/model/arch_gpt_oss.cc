// gpt-oss (OpenAI 2025, arXiv 2508.10925): every other layer sees a window, each head has a sink
// that takes part in its softmax, experts with biases and a clipped SwiGLU.
#include "model/family.h"

namespace hearth::model {

Result<void> bind_gpt_oss(Family& family) {
  constexpr size_t kPeriod = 2;
  ModelConfig& config = family.config();
  config.activation = Activation::clipped_silu;
  config.router.gating = RouterConfig::Gating::softmax_of_chosen;
  HEARTH_CHECK(family.read_attention());
  HEARTH_CHECK(family.read_windows(kPeriod));
  HEARTH_TRY(const RopeConfig rope, family.read_rope(RopeConfig::Pairs::halves));
  config.ropes = {rope};
  for (size_t i = 0; i < family.n_layers(); ++i) {
    LayerWeights& layer = family.layer(i);
    HEARTH_TRY(layer.attn_norm, family.bind_norm(i, "attn_norm"));
    HEARTH_TRY(AttentionWeights attention, family.bind_attention(i));
    HEARTH_TRY(attention.sinks, family.binder.vector(family.name(i, "attn_sinks.weight"),
                                                     config.layers[i].attention.n_heads));
    layer.mixer = attention;
    HEARTH_TRY(layer.ffn_norm, family.bind_norm(i, "post_attention_norm"));
    HEARTH_TRY(layer.ffn, family.bind_experts(i));
  }
  return family.bind_ends();
}

}  // namespace hearth::model
