// Gemma 4 (Google 2026): layers that slide have smaller heads and a rope of their own, the last
// layers of small models read the caches of earlier ones, values are normed, tokens bring inputs to
// every layer, and large models have experts beside a dense block.
#include <cmath>

#include "model/family.h"

namespace hearth::model {
namespace {

// Head sizes of sliding layers, and which caches are read by layers that have none.
Result<void> read_layers(Family& family) {
  ModelConfig& config = family.config();
  HEARTH_CHECK(family.read_attention());
  HEARTH_CHECK(family.read_windows(0));
  HEARTH_TRY(const size_t sliding_dim, family.keys.size("attention.key_length_swa", kMaxHeadDim));
  HEARTH_TRY(const size_t shared,
             family.keys.count_or("attention.shared_kv_layers", family.n_layers(), 0));
  const size_t own = family.n_layers() - shared;
  if (shared > 0 && own < 2) {
    return fail(ErrorCode::bad_file, "'", family.keys.key("attention.shared_kv_layers"), "' is ",
                shared, ", which leaves too few layers with a cache");
  }
  for (size_t i = 0; i < family.n_layers(); ++i) {
    AttentionConfig& attention = config.layers[i].attention;
    attention.scale = 1;
    if (attention.slides()) attention.key_dim = attention.value_dim = sliding_dim;
    if (i < own) continue;
    attention.writes_cache = false;
    attention.cache = own - (attention.slides() ? 2 : 1);
    const AttentionConfig& source = config.layers[attention.cache].attention;
    if (source.key_dim != attention.key_dim || source.n_kv_heads != attention.n_kv_heads) {
      return fail(ErrorCode::bad_file, "layer ", i, " reads the cache of layer ", attention.cache,
                  ", whose heads are others");
    }
  }
  return {};
}

Result<void> read_ropes(Family& family) {
  ModelConfig& config = family.config();
  HEARTH_TRY(const RopeConfig full, family.read_rope(RopeConfig::Pairs::halves));
  RopeConfig sliding = full;
  sliding.divisors = nullptr;
  sliding.scale = 1;
  HEARTH_TRY(sliding.base, family.keys.real_or("rope.freq_base_swa", 1e-6, 1e30, full.base));
  HEARTH_TRY(sliding.dims, family.keys.count_or("rope.dimension_count_swa", full.dims, full.dims));
  if (sliding.dims % 2 != 0) {
    return fail(ErrorCode::bad_file, "metadata key '", family.keys.key("rope.dimension_count_swa"),
                "' is ", sliding.dims, ", it must be even");
  }
  config.ropes = {full, sliding};
  for (LayerConfig& layer : config.layers) layer.attention.rope = layer.attention.slides() ? 1 : 0;
  return {};
}

Result<AttentionWeights> bind_heads(Family& family, size_t layer) {
  const AttentionConfig& config = family.layer_config(layer).attention;
  const size_t n_embd = family.config().n_embd;
  const auto name = [&](std::string_view part) { return family.name(layer, part); };
  WeightBinder& binder = family.binder;
  AttentionWeights weights;
  HEARTH_TRY(weights.q, binder.linear(name("attn_q"), n_embd, config.q_width()));
  HEARTH_TRY(weights.output, binder.linear(name("attn_output"), config.mixed_width(), n_embd));
  HEARTH_TRY(weights.q_norm, binder.vector(name("attn_q_norm.weight"), config.key_dim));
  if (!config.writes_cache) return weights;
  HEARTH_TRY(weights.k, binder.linear(name("attn_k"), n_embd, config.k_width()));
  if (binder.has(name("attn_v.weight"))) {  // else values are the keys
    HEARTH_TRY(weights.v, binder.linear(name("attn_v"), n_embd, config.v_width()));
  }
  HEARTH_TRY(weights.k_norm, binder.vector(name("attn_k_norm.weight"), config.key_dim));
  weights.v_norm = binder.ones(config.value_dim);
  return weights;
}

Result<ExpertsWeights> bind_experts_beside(Family& family, size_t layer) {
  const size_t n_embd = family.config().n_embd;
  HEARTH_TRY(ExpertsWeights experts, family.bind_experts(layer));
  HEARTH_TRY(experts.shared, family.bind_feed_forward(layer, family.layer_config(layer).n_ff));
  HEARTH_TRY(experts.norm, family.bind_norm(layer, "pre_ffw_norm_2"));
  HEARTH_TRY(experts.shared_post_norm, family.bind_norm(layer, "post_ffw_norm_1"));
  HEARTH_TRY(experts.post_norm, family.bind_norm(layer, "post_ffw_norm_2"));
  HEARTH_TRY(const float* scale,
             family.binder.vector(family.name(layer, "ffn_gate_inp.scale"), n_embd));
  experts.router_norm.weight =
      family.binder.scaled(scale, n_embd, 1 / std::sqrt(static_cast<float>(n_embd)));
  return experts;
}

Result<void> bind_layer_inputs(Family& family) {
  ModelConfig& config = family.config();
  Weights& weights = family.model.weights;
  HEARTH_TRY(const size_t width,
             family.keys.count_or("embedding_length_per_layer_input", kMaxWidth, 0));
  if (width == 0) return {};
  const size_t all = width * family.n_layers();
  if (all > kMaxWidth) {
    return fail(ErrorCode::too_large, family.n_layers(), " layers with inputs of ", width,
                " values are beyond the limit of ", kMaxWidth);
  }
  config.layer_input_width = width;
  WeightBinder& binder = family.binder;
  HEARTH_TRY(weights.layer_embedding,
             binder.matrix("per_layer_token_embd.weight", all, config.n_vocab));
  HEARTH_TRY(weights.layer_projection, binder.linear("per_layer_model_proj", config.n_embd, all));
  HEARTH_TRY(weights.layer_projection_norm, binder.norm("per_layer_proj_norm", width));
  for (size_t i = 0; i < family.n_layers(); ++i) {
    LayerInputWeights& input = family.layer(i).input;
    HEARTH_TRY(input.gate, binder.linear(family.name(i, "inp_gate"), config.n_embd, width));
    HEARTH_TRY(input.project, binder.linear(family.name(i, "proj"), width, config.n_embd));
    HEARTH_TRY(input.post_norm, family.bind_norm(i, "post_norm"));
  }
  return {};
}

}  // namespace

Result<void> bind_gemma4(Family& family) {
  ModelConfig& config = family.config();
  config.activation = Activation::gelu;
  config.embedding_scale = std::sqrt(static_cast<float>(config.n_embd));
  config.router.normalize = true;
  HEARTH_CHECK(read_layers(family));
  HEARTH_CHECK(read_ropes(family));
  HEARTH_TRY(const double cap, family.keys.real_or("final_logit_softcapping", 0, 1e6, 0));
  config.logit_softcap = static_cast<float>(cap);
  for (size_t i = 0; i < family.n_layers(); ++i) {
    LayerWeights& layer = family.layer(i);
    HEARTH_TRY(layer.attn_norm, family.bind_norm(i, "attn_norm"));
    HEARTH_TRY(layer.mixer, bind_heads(family, i));
    HEARTH_TRY(layer.attn_post_norm, family.bind_norm(i, "post_attention_norm"));
    HEARTH_TRY(layer.ffn_norm, family.bind_norm(i, "ffn_norm"));
    if (family.binder.has(family.name(i, "ffn_gate_inp.weight"))) {
      HEARTH_TRY(layer.ffn, bind_experts_beside(family, i));
    } else {
      HEARTH_TRY(layer.ffn, family.bind_feed_forward(i, config.layers[i].n_ff));
    }
    HEARTH_TRY(layer.ffn_post_norm, family.bind_norm(i, "post_ffw_norm"));
    HEARTH_TRY(layer.output_scale,
               family.binder.optional_vector(family.name(i, "layer_output_scale.weight"), 1));
  }
  HEARTH_CHECK(bind_layer_inputs(family));
  return family.bind_ends();
}

}  // namespace hearth::model
