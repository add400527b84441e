// DeepSeek V2 and V3: latent attention, whose projection to keys and values is cut into the part
// that queries take and the part that values take; many small experts and one for all.
#include "convert/name_tables.h"

namespace hearth::convert {
namespace {

struct LatentSizes {
  uint32_t heads = 0;
  uint32_t plain = 0;   // values of a key that are not turned
  uint32_t turned = 0;  // and those that are
  uint32_t values = 0;
  uint32_t rank = 0;
};

Result<LatentSizes> sizes_of(const Conversion& conversion) {
  LatentSizes sizes;
  const HfConfig& config = conversion.config;
  HEARTH_TRY(sizes.heads, conversion.n_heads());
  HEARTH_TRY(sizes.plain, config.size({"qk_nope_head_dim"}));
  HEARTH_TRY(sizes.turned, config.size({"qk_rope_head_dim"}));
  HEARTH_TRY(sizes.values, config.size({"v_head_dim"}));
  HEARTH_TRY(sizes.rank, config.size({"kv_lora_rank"}));
  return sizes;
}

// Of each head's rows, `count` from `begin` on.
Result<void> choose_of_heads(TensorPlan& plan, const LatentSizes& sizes, uint64_t begin,
                             uint64_t count) {
  const uint64_t height = uint64_t{sizes.plain} + sizes.values;
  if (count == 0 || plan.source_rows() != sizes.heads * height ||
      plan.source_columns() != sizes.rank) {
    return fail(ErrorCode::bad_file, "tensor '", printable(plan.sources[0].values->name), "' has ",
                plan.source_rows(), " x ", plan.source_columns(),
                " values, but config.json asks for ", sizes.heads, " x ", height, " x ",
                sizes.rank);
  }
  std::vector<uint32_t> rows;
  for (uint64_t head = 0; head < sizes.heads; ++head) {
    for (uint64_t i = 0; i < count; ++i) {
      rows.push_back(static_cast<uint32_t>(head * height + begin + i));
    }
  }
  plan.rows = std::move(rows);
  return {};
}

Result<void> keys_part(const Conversion& conversion, TensorPlan& plan) {
  HEARTH_TRY(const LatentSizes sizes, sizes_of(conversion));
  HEARTH_CHECK(choose_of_heads(plan, sizes, 0, sizes.plain));
  plan.turned = sizes.plain;
  plan.dims = {sizes.plain, sizes.rank, sizes.heads};
  return {};
}

Result<void> values_part(const Conversion& conversion, TensorPlan& plan) {
  HEARTH_TRY(const LatentSizes sizes, sizes_of(conversion));
  HEARTH_CHECK(choose_of_heads(plan, sizes, sizes.plain, sizes.values));
  plan.dims = {sizes.rank, sizes.values, sizes.heads};
  return {};
}

constexpr NameRule kLatentAttention[] = {
    {"model.layers.#.self_attn.q_proj.weight", "blk.#.attn_q.weight", Need::optional},
    {"model.layers.#.self_attn.q_a_proj.weight", "blk.#.attn_q_a.weight", Need::optional},
    {"model.layers.#.self_attn.q_a_layernorm.weight", "blk.#.attn_q_a_norm.weight", Need::optional},
    {"model.layers.#.self_attn.q_b_proj.weight", "blk.#.attn_q_b.weight", Need::optional},
    {"model.layers.#.self_attn.kv_a_proj_with_mqa.weight", "blk.#.attn_kv_a_mqa.weight"},
    {"model.layers.#.self_attn.kv_a_layernorm.weight", "blk.#.attn_kv_a_norm.weight"},
    {"model.layers.#.self_attn.kv_b_proj.weight", "blk.#.attn_k_b.weight", Need::required,
     keys_part},
    {"model.layers.#.self_attn.kv_b_proj.weight", "blk.#.attn_v_b.weight", Need::required,
     values_part},
    {"model.layers.#.self_attn.o_proj.weight", "blk.#.attn_output.weight"},
};

constexpr NameRule kMoreExperts[] = {
    {"model.layers.#.mlp.gate.e_score_correction_bias", "blk.#.exp_probs_b.bias", Need::optional},
    {"model.layers.#.mlp.shared_experts.gate_proj.weight", "blk.#.ffn_gate_shexp.weight",
     Need::optional},
    {"model.layers.#.mlp.shared_experts.up_proj.weight", "blk.#.ffn_up_shexp.weight",
     Need::optional},
    {"model.layers.#.mlp.shared_experts.down_proj.weight", "blk.#.ffn_down_shexp.weight",
     Need::optional},
};

Result<void> add_expert_keys(Conversion& conversion) {
  const HfConfig& config = conversion.config;
  HEARTH_TRY(const uint32_t layers, conversion.n_layers());
  const uint32_t usual = config.has({"n_routed_experts"}) ? 0 : layers;
  HEARTH_TRY(const uint32_t dense, config.size_or({"first_k_dense_replace"}, usual));
  conversion.set_size("leading_dense_block_count", dense);
  HEARTH_CHECK(conversion.copy_size("expert_feed_forward_length",
                                    {"moe_intermediate_size", "intermediate_size"}));
  HEARTH_TRY(const uint32_t shared, config.size_or({"n_shared_experts"}, 0));
  conversion.set_size("expert_shared_count", shared);
  HEARTH_CHECK(conversion.copy_real("expert_weights_scale", {"routed_scaling_factor"}));
  HEARTH_CHECK(conversion.copy_flag("expert_weights_norm", {"norm_topk_prob"}));
  HEARTH_CHECK(conversion.copy_size("expert_group_count", {"n_group"}));
  HEARTH_CHECK(conversion.copy_size("expert_group_used_count", {"topk_group"}));
  HEARTH_TRY(const std::string score, config.text_or({"scoring_func"}, "softmax"));
  if (score != "softmax" && score != "sigmoid") {
    return fail(ErrorCode::unsupported, "config.json: 'scoring_func' is '", printable(score, 40),
                "', hearth knows softmax and sigmoid");
  }
  conversion.set_size("expert_gating_func", score == "sigmoid" ? 2 : 1);
  return {};
}

}  // namespace

Result<void> fill_deepseek2(Conversion& conversion) {
  const HfConfig& config = conversion.config;
  conversion.config.set_defaults(R"({"rms_norm_eps": 1e-6, "rope_theta": 10000.0})");
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_TRY(const LatentSizes sizes, sizes_of(conversion));
  conversion.set_size("attention.head_count_kv", 1);
  HEARTH_CHECK(conversion.copy_size("attention.q_lora_rank", {"q_lora_rank"}));
  conversion.set_size("attention.kv_lora_rank", sizes.rank);
  conversion.set_size("attention.key_length", sizes.rank + sizes.turned);
  conversion.set_size("attention.value_length", sizes.rank);
  conversion.set_size("attention.key_length_mla", sizes.plain + sizes.turned);
  conversion.set_size("attention.value_length_mla", sizes.values);
  conversion.set_size("rope.dimension_count", sizes.turned);
  const HfConfig rope = config.rope();
  if (rope.has({"mscale_all_dim"})) {
    HEARTH_TRY(const double growth, rope.real({"mscale_all_dim"}));
    conversion.set_real("rope.scaling.yarn_log_multiplier", 0.1 * growth);
  }
  HEARTH_CHECK(add_expert_keys(conversion));
  HEARTH_CHECK(conversion.add_tensors(kEnds));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_tensors(kLayerNorms));
  HEARTH_CHECK(conversion.add_tensors(kLatentAttention));
  HEARTH_CHECK(conversion.add_tensors(kSomeFeedForward));
  HEARTH_CHECK(conversion.add_tensors(kExperts));
  HEARTH_CHECK(conversion.add_tensors(kMoreExperts));
  // Layers behind the last only guess ahead.
  HEARTH_TRY(const uint32_t layers, conversion.n_layers());
  HEARTH_TRY(const uint32_t guessing, config.size_or({"num_nextn_predict_layers"}, 0));
  for (uint32_t i = 0; i < guessing && i < 16; ++i) {
    conversion.ignore(cat("model.layers.", layers + i, "."));
  }
  return {};
}

}  // namespace hearth::convert
