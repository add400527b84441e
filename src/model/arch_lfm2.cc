// LFM 2 (Liquid AI 2025, arXiv 2511.23404): short gated convolutions, and attention in a few
// layers.
#include "model/family.h"

namespace hearth::model {
namespace {

Result<ShortConvWeights> bind_convolution(Family& family, size_t layer, size_t taps) {
  const size_t n_embd = family.config().n_embd;
  ShortConvWeights weights;
  weights.taps = taps;
  HEARTH_TRY(weights.in,
             family.binder.linear(family.name(layer, "shortconv.in_proj"), n_embd, 3 * n_embd));
  HEARTH_TRY(weights.kernel,
             family.binder.table(family.name(layer, "shortconv.conv.weight"), taps, n_embd));
  HEARTH_TRY(weights.out,
             family.binder.linear(family.name(layer, "shortconv.out_proj"), n_embd, n_embd));
  return weights;
}

}  // namespace

Result<void> bind_lfm2(Family& family) {
  constexpr size_t kMaxTaps = 64;
  HEARTH_CHECK(family.read_attention());
  HEARTH_TRY(const RopeConfig rope, family.read_rope(RopeConfig::Pairs::halves));
  family.config().ropes = {rope};
  HEARTH_TRY(const size_t taps, family.keys.size("shortconv.l_cache", kMaxTaps));
  HEARTH_TRY(const size_t window, family.keys.count_or("attention.sliding_window", kMaxContext, 0));
  for (size_t i = 0; i < family.n_layers(); ++i) {
    LayerConfig& config = family.layer_config(i);
    LayerWeights& layer = family.layer(i);
    HEARTH_TRY(layer.attn_norm, family.bind_norm(i, "attn_norm"));
    if (config.attention.n_heads != 0) {
      if (window != 0) config.attention.window = window;
      HEARTH_TRY(AttentionWeights attention, family.bind_attention(i));
      HEARTH_CHECK(family.bind_head_norms(i, attention));
      layer.mixer = attention;
    } else {
      HEARTH_TRY(layer.mixer, bind_convolution(family, i, taps));
      config.state_floats = (taps - 1) * family.config().n_embd;
    }
    HEARTH_TRY(layer.ffn_norm, family.bind_norm(i, "ffn_norm"));
    HEARTH_TRY(layer.ffn, family.bind_feed_forward(i, config.n_ff));
  }
  return family.bind_ends("token_embd_norm");
}

}  // namespace hearth::model
