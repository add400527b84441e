// Qwen 3.5: gated delta nets in three of four layers, attention with a gate in the others.
#include "convert/name_tables.h"

namespace hearth::convert {
namespace {

// Heads of values stand grouped by the head of keys that they share in the checkpoint; in GGUF the
// first of each group come first.
struct DeltaHeads {
  uint32_t key_heads = 0;
  uint32_t value_heads = 0;
  uint32_t key_dim = 0;
  uint32_t value_dim = 0;
};

Result<DeltaHeads> heads_of(const Conversion& conversion) {
  DeltaHeads heads;
  HEARTH_TRY(heads.key_heads, conversion.config.size({"linear_num_key_heads"}));
  HEARTH_TRY(heads.value_heads, conversion.config.size({"linear_num_value_heads"}));
  HEARTH_TRY(heads.key_dim, conversion.config.size({"linear_key_head_dim"}));
  HEARTH_TRY(heads.value_dim, conversion.config.size({"linear_value_head_dim"}));
  if (heads.key_heads == 0 || heads.value_heads % heads.key_heads != 0) {
    return fail(ErrorCode::bad_file, "config.json: ", heads.value_heads,
                " linear heads of values cannot share ", heads.key_heads, " of keys");
  }
  return heads;
}

Result<void> regroup(const TensorPlan& plan, std::vector<uint32_t>& indices, uint64_t begin,
                     const DeltaHeads& heads, uint64_t unit) {
  return swap_order(plan, indices, begin, heads.key_heads, heads.value_heads / heads.key_heads,
                    unit);
}

// Queries and keys stand in front of the values.
Result<void> regroup_behind_keys(const Conversion& conversion, TensorPlan& plan) {
  HEARTH_TRY(const DeltaHeads heads, heads_of(conversion));
  return regroup(plan, chosen(plan.rows, plan.source_rows()),
                 uint64_t{2} * heads.key_heads * heads.key_dim, heads, heads.value_dim);
}

Result<void> regroup_rows(const Conversion& conversion, TensorPlan& plan) {
  HEARTH_TRY(const DeltaHeads heads, heads_of(conversion));
  return regroup(plan, chosen(plan.rows, plan.source_rows()), 0, heads, heads.value_dim);
}

Result<void> regroup_columns(const Conversion& conversion, TensorPlan& plan) {
  HEARTH_TRY(const DeltaHeads heads, heads_of(conversion));
  return regroup(plan, chosen(plan.columns, plan.source_columns()), 0, heads, heads.value_dim);
}

// One row, or one value, for each head.
Result<void> regroup_heads(const Conversion& conversion, TensorPlan& plan) {
  HEARTH_TRY(const DeltaHeads heads, heads_of(conversion));
  const bool vector = plan.dims.size() == 1;
  std::vector<uint32_t>& indices =
      vector ? chosen(plan.columns, plan.source_columns()) : chosen(plan.rows, plan.source_rows());
  return regroup(plan, indices, 0, heads, 1);
}

Result<void> regroup_decay(const Conversion& conversion, TensorPlan& plan) {
  plan.change = Change::negative_exp;
  return regroup_heads(conversion, plan);
}

Result<void> regroup_kernel(const Conversion& conversion, TensorPlan& plan) {
  HEARTH_CHECK(squeeze(conversion, plan));
  return regroup_behind_keys(conversion, plan);
}

constexpr NameRule kNorms[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight", Need::required, add_one},
    {"model.layers.#.input_layernorm.weight", "blk.#.attn_norm.weight", Need::required, add_one},
    {"model.layers.#.post_attention_layernorm.weight", "blk.#.post_attention_norm.weight",
     Need::required, add_one},
};

constexpr NameRule kGatedAttention[] = {
    {"model.layers.#.self_attn.q_proj.*", "blk.#.attn_q.*", Need::optional},
    {"model.layers.#.self_attn.k_proj.*", "blk.#.attn_k.*", Need::optional},
    {"model.layers.#.self_attn.v_proj.*", "blk.#.attn_v.*", Need::optional},
    {"model.layers.#.self_attn.o_proj.*", "blk.#.attn_output.*", Need::optional},
    {"model.layers.#.self_attn.q_norm.weight", "blk.#.attn_q_norm.weight", Need::optional, add_one},
    {"model.layers.#.self_attn.k_norm.weight", "blk.#.attn_k_norm.weight", Need::optional, add_one},
};

constexpr NameRule kDeltaNet[] = {
    {"model.layers.#.linear_attn.in_proj_qkv.weight", "blk.#.attn_qkv.weight", Need::optional,
     regroup_behind_keys},
    {"model.layers.#.linear_attn.in_proj_z.weight", "blk.#.attn_gate.weight", Need::optional,
     regroup_rows},
    {"model.layers.#.linear_attn.in_proj_a.weight", "blk.#.ssm_alpha.weight", Need::optional,
     regroup_heads},
    {"model.layers.#.linear_attn.in_proj_b.weight", "blk.#.ssm_beta.weight", Need::optional,
     regroup_heads},
    {"model.layers.#.linear_attn.conv1d.weight", "blk.#.ssm_conv1d.weight", Need::optional,
     regroup_kernel},
    {"model.layers.#.linear_attn.A_log", "blk.#.ssm_a", Need::optional, regroup_decay},
    {"model.layers.#.linear_attn.dt_bias", "blk.#.ssm_dt.bias", Need::optional, regroup_heads},
    {"model.layers.#.linear_attn.norm.weight", "blk.#.ssm_norm.weight", Need::optional},
    {"model.layers.#.linear_attn.out_proj.weight", "blk.#.ssm_out.weight", Need::optional,
     regroup_columns},
};

Result<void> add_delta_keys(Conversion& conversion) {
  const HfConfig& config = conversion.config;
  HEARTH_TRY(const DeltaHeads heads, heads_of(conversion));
  HEARTH_TRY(const uint32_t taps, config.size({"linear_conv_kernel_dim"}));
  conversion.set_size("ssm.conv_kernel", taps);
  conversion.set_size("ssm.state_size", heads.key_dim);
  conversion.set_size("ssm.group_count", heads.key_heads);
  conversion.set_size("ssm.time_step_rank", heads.value_heads);
  conversion.set_size("ssm.inner_size", heads.value_heads * heads.value_dim);
  HEARTH_TRY(const uint32_t interval, config.size_or({"full_attention_interval"}, 4));
  conversion.set_size("full_attention_interval", interval);
  HEARTH_TRY(const std::vector<std::string> types, config.layer_types());
  if (types.empty()) return {};
  std::vector<bool> recurrent;
  for (const std::string& type : types) recurrent.push_back(type == "linear_attention");
  conversion.set_flags("attention.recurrent_layers", std::move(recurrent));
  return {};
}

// A part of each head is turned; positions of pictures have sections of it, of which text takes
// the same in all.
Result<void> add_rope_part(Conversion& conversion) {
  const HfConfig rope = conversion.config.rope();
  HEARTH_TRY(const double part, conversion.turned_part(0.25));
  HEARTH_TRY(const uint32_t dim, conversion.head_dim());
  conversion.set_size("rope.dimension_count", static_cast<uint32_t>(dim * part));
  std::vector<int32_t> sections = {11, 11, 10, 0};
  if (const Json* given = rope.find({"mrope_section"}); given != nullptr && given->is_array()) {
    for (size_t i = 0; i < sections.size(); ++i) {
      const bool there = i < given->size() && (*given)[i].is_number_unsigned();
      sections[i] = there ? static_cast<int32_t>((*given)[i].get<uint64_t>() & 0xFFFF) : 0;
    }
  }
  conversion.set_list("rope.dimension_sections", std::move(sections));
  return {};
}

}  // namespace

Result<void> fill_qwen35(Conversion& conversion) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_CHECK(add_delta_keys(conversion));
  HEARTH_CHECK(add_rope_part(conversion));
  HEARTH_CHECK(conversion.add_tensors(kNorms));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_tensors(kGatedAttention));
  HEARTH_CHECK(conversion.add_tensors(kDeltaNet));
  return conversion.add_tensors(kFeedForward);
}

}  // namespace hearth::convert
