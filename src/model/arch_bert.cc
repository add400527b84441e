// BERT (Devlin et al. 2018, arXiv 1810.04805) and RoBERTa, for embeddings and scores of texts:
// every token sees the whole text, positions are learned vectors, norms stand behind each sum.
#include "model/family.h"

namespace hearth::model {
namespace {

// The embedding of a text: tokens, positions, and which text of a pair a token belongs to.
Result<void> bind_text_embedding(Family& family) {
  const ModelConfig& config = family.config();
  Weights& weights = family.model.weights;
  WeightBinder& binder = family.binder;
  HEARTH_TRY(weights.token_embedding,
             binder.matrix("token_embd.weight", config.n_embd, config.n_vocab));
  HEARTH_TRY(weights.text.positions,
             binder.matrix("position_embd.weight", config.n_embd, config.context_length));
  if (binder.has("token_types.weight")) {
    HEARTH_TRY(const size_t rows, binder.rows("token_types.weight", kMaxWidth));
    HEARTH_TRY(weights.text.parts, binder.matrix("token_types.weight", config.n_embd, rows));
  }
  HEARTH_TRY(weights.text.norm, binder.norm("token_embd_norm", config.n_embd));
  return {};
}

}  // namespace

Result<void> bind_bert(Family& family) {
  ModelConfig& config = family.config();
  config.activation = Activation::gelu_erf;
  family.gated = false;
  HEARTH_TRY(config.causal, family.keys.flag_or("attention.causal", false));
  if (config.causal) {
    return fail(ErrorCode::unsupported, "'", family.keys.key("attention.causal"),
                "' is true, but bert models see the whole text");
  }
  HEARTH_CHECK(family.read_attention());
  HEARTH_CHECK(bind_text_embedding(family));
  for (size_t i = 0; i < family.n_layers(); ++i) {
    LayerConfig& layer_config = family.layer_config(i);
    layer_config.attention.rope = kNoRope;
    // Nothing looks back from one run to the next, so that layers can share a cache.
    layer_config.attention.cache = 0;
    if (layer_config.attention.n_kv_heads != family.layer_config(0).attention.n_kv_heads) {
      return fail(ErrorCode::bad_file, "'", family.keys.key("attention.head_count_kv"),
                  "' is not the same for all layers");
    }
    LayerWeights& layer = family.layer(i);
    HEARTH_TRY(layer.mixer, family.bind_attention(i));
    HEARTH_TRY(layer.attn_end_norm, family.bind_norm(i, "attn_output_norm"));
    HEARTH_TRY(layer.ffn, family.bind_feed_forward(i, layer_config.n_ff));
    HEARTH_TRY(layer.ffn_end_norm, family.bind_norm(i, "layer_output_norm"));
  }
  return family.bind_classifier();
}

}  // namespace hearth::model
