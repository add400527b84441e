// Gemma 4: sliding layers have heads and a rope of their own, tokens bring inputs to every layer in
// small models, large ones have experts beside a dense block.
#include "convert/name_tables.h"

namespace hearth::convert {
namespace {

constexpr NameRule kTensors[] = {
    {"model.layers.#.input_layernorm.weight", "blk.#.attn_norm.weight"},
    {"model.layers.#.post_attention_layernorm.weight", "blk.#.post_attention_norm.weight"},
    {"model.layers.#.pre_feedforward_layernorm.weight", "blk.#.ffn_norm.weight"},
    {"model.layers.#.post_feedforward_layernorm.weight", "blk.#.post_ffw_norm.weight"},
    {"model.layers.#.layer_scalar", "blk.#.layer_output_scale.weight", Need::optional},
    {"model.layers.#.self_attn.q_proj.weight", "blk.#.attn_q.weight"},
    // Layers that read the cache of others have no keys, some take their keys as values.
    {"model.layers.#.self_attn.k_proj.weight", "blk.#.attn_k.weight", Need::optional},
    {"model.layers.#.self_attn.v_proj.weight", "blk.#.attn_v.weight", Need::optional},
    {"model.layers.#.self_attn.o_proj.weight", "blk.#.attn_output.weight"},
    {"model.layers.#.self_attn.q_norm.weight", "blk.#.attn_q_norm.weight"},
    {"model.layers.#.self_attn.k_norm.weight", "blk.#.attn_k_norm.weight", Need::optional},
};

constexpr NameRule kLayerInputs[] = {
    {"model.embed_tokens_per_layer.weight", "per_layer_token_embd.weight", Need::optional},
    {"model.per_layer_model_projection.weight", "per_layer_model_proj.weight", Need::optional},
    {"model.per_layer_projection_norm.weight", "per_layer_proj_norm.weight", Need::optional},
    {"model.layers.#.per_layer_input_gate.weight", "blk.#.inp_gate.weight", Need::optional},
    {"model.layers.#.per_layer_projection.weight", "blk.#.proj.weight", Need::optional},
    {"model.layers.#.post_per_layer_input_norm.weight", "blk.#.post_norm.weight", Need::optional},
};

constexpr NameRule kExpertsBeside[] = {
    {"model.layers.#.router.proj.weight", "blk.#.ffn_gate_inp.weight", Need::optional},
    {"model.layers.#.router.scale", "blk.#.ffn_gate_inp.scale", Need::optional},
    {"model.layers.#.router.per_expert_scale", "blk.#.ffn_down_exps.scale", Need::optional},
    {"model.layers.#.experts.gate_up_proj", "blk.#.ffn_gate_up_exps.weight", Need::optional},
    {"model.layers.#.experts.down_proj", "blk.#.ffn_down_exps.weight", Need::optional},
    {"model.layers.#.post_feedforward_layernorm_1.weight", "blk.#.post_ffw_norm_1.weight",
     Need::optional},
    {"model.layers.#.pre_feedforward_layernorm_2.weight", "blk.#.pre_ffw_norm_2.weight",
     Need::optional},
    {"model.layers.#.post_feedforward_layernorm_2.weight", "blk.#.post_ffw_norm_2.weight",
     Need::optional},
};

// Head counts and widths that differ from layer to layer.
Result<void> add_layer_keys(Conversion& conversion, uint32_t shared) {
  const HfConfig& config = conversion.config;
  HEARTH_TRY(const std::vector<std::string> types, config.layer_types());
  HEARTH_TRY(const uint32_t kv_heads, conversion.n_kv_heads());
  HEARTH_TRY(const uint32_t full_heads, config.size_or({"num_global_key_value_heads"}, kv_heads));
  std::vector<int32_t> counts;
  for (const std::string& type : types) {
    counts.push_back(static_cast<int32_t>(type == "sliding_attention" ? kv_heads : full_heads));
  }
  if (full_heads != kv_heads) conversion.set_list("attention.head_count_kv", std::move(counts));
  HEARTH_TRY(const bool wide, config.flag_or({"use_double_wide_mlp"}, false));
  if (!wide) return {};
  HEARTH_TRY(const uint32_t n_ff, config.size({"intermediate_size"}));
  if (n_ff > INT32_MAX / 2) {
    return fail(ErrorCode::too_large, "config.json: 'intermediate_size' is ", n_ff);
  }
  std::vector<int32_t> widths(types.size(), static_cast<int32_t>(n_ff));
  for (size_t i = types.size() - shared; i < types.size(); ++i) widths[i] *= 2;
  conversion.set_list("feed_forward_length", std::move(widths));
  return {};
}

// The rope of layers that see all turns a part of each head; the divisors of the rest are so large
// that nothing turns.
Result<void> add_ropes(Conversion& conversion, uint32_t full_dim, uint32_t sliding_dim) {
  constexpr float kStill = 1e30f;
  HEARTH_TRY(const double part, conversion.turned_part(0.25));
  conversion.set_size("rope.dimension_count", full_dim);
  conversion.set_size("rope.dimension_count_swa", sliding_dim);
  std::vector<float> divisors(full_dim / 2, kStill);
  const auto turned = static_cast<size_t>(full_dim * part / 2);
  for (size_t i = 0; i < turned && i < divisors.size(); ++i) divisors[i] = 1;
  conversion.add_values("rope_freqs.weight", std::move(divisors));
  return {};
}

}  // namespace

Result<void> fill_gemma4(Conversion& conversion) {
  const HfConfig& config = conversion.config;
  conversion.config.set_defaults(R"({"tie_word_embeddings": true, "rms_norm_eps": 1e-6})");
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_TRY(const uint32_t layers, conversion.n_layers());
  HEARTH_TRY(const uint32_t shared, config.size_or({"num_kv_shared_layers"}, 0));
  HEARTH_TRY(const uint32_t sliding_dim, conversion.head_dim());
  HEARTH_TRY(const uint32_t full_dim, config.size_or({"global_head_dim"}, sliding_dim));
  if (shared > layers || full_dim > 65536 || !config.has({"layer_types"})) {
    return fail(ErrorCode::bad_file,
                "config.json: 'num_kv_shared_layers', 'global_head_dim' or "
                "'layer_types' make no sense");
  }
  conversion.set_size("attention.shared_kv_layers", shared);
  conversion.set_size("attention.key_length", full_dim);
  conversion.set_size("attention.value_length", full_dim);
  conversion.set_size("attention.key_length_swa", sliding_dim);
  conversion.set_size("attention.value_length_swa", sliding_dim);
  HEARTH_TRY(const uint32_t inputs, config.size_or({"hidden_size_per_layer_input"}, 0));
  conversion.set_size("embedding_length_per_layer_input", inputs);
  HEARTH_CHECK(conversion.copy_size("attention.sliding_window", {"sliding_window"}));
  HEARTH_CHECK(conversion.copy_real("final_logit_softcapping", {"final_logit_softcapping"}));
  HEARTH_CHECK(conversion.copy_size("expert_feed_forward_length",
                                    {"expert_intermediate_size", "moe_intermediate_size"}));
  HEARTH_CHECK(conversion.add_sliding_layers());
  HEARTH_CHECK(add_layer_keys(conversion, shared));
  HEARTH_CHECK(add_ropes(conversion, full_dim, sliding_dim));
  HEARTH_CHECK(conversion.add_tensors(kEnds));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_tensors(kTensors));
  HEARTH_CHECK(conversion.add_tensors(kSomeFeedForward));
  HEARTH_CHECK(conversion.add_tensors(kLayerInputs));
  return conversion.add_tensors(kExpertsBeside);
}

}  // namespace hearth::convert
