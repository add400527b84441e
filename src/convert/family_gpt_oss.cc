// gpt-oss: experts in MXFP4, whose blocks stay what they are, or transposed matrices; gate and up
// alternate in one matrix.
#include "convert/name_tables.h"

namespace hearth::convert {
namespace {

constexpr NameRule kTensors[] = {
    {"model.layers.#.input_layernorm.weight", "blk.#.attn_norm.weight"},
    {"model.layers.#.post_attention_layernorm.weight", "blk.#.post_attention_norm.weight"},
    {"model.layers.#.self_attn.sinks", "blk.#.attn_sinks.weight"},
    {"model.layers.#.mlp.router.*", "blk.#.ffn_gate_inp.*"},
};

// Every second of what stands in a row, from the first or the second on.
Result<void> alternate(TensorPlan& plan, std::vector<uint32_t>& indices, uint64_t count,
                       uint64_t first) {
  const std::vector<uint32_t>& all = chosen(indices, count);
  if (all.size() % 2 != 0) {
    return fail(ErrorCode::bad_file, "tensor '", printable(plan.sources[0].values->name),
                "' does not hold as many gates as others");
  }
  std::vector<uint32_t> some;
  for (uint64_t i = first; i < all.size(); i += 2) some.push_back(all[i]);
  indices = std::move(some);
  return {};
}

// [experts][in][out] becomes [experts][out][in].
Result<void> turn(TensorPlan& plan) {
  if (plan.dims.size() != 3) {
    return fail(ErrorCode::bad_file, "tensor '", printable(plan.sources[0].values->name), "' has ",
                plan.dims.size(), " dimensions instead of 3");
  }
  plan.turned = plan.dims[1];
  plan.dims = {plan.dims[1], plan.chosen_columns(), plan.dims[2]};
  return {};
}

Result<void> turn_all(const Conversion&, TensorPlan& plan) { return turn(plan); }

template <uint64_t kFirst>
Result<void> turn_every_second(const Conversion&, TensorPlan& plan) {
  HEARTH_CHECK(alternate(plan, plan.columns, plan.source_columns(), kFirst));
  return turn(plan);
}

template <uint64_t kFirst>
Result<void> every_second_value(const Conversion&, TensorPlan& plan) {
  HEARTH_CHECK(alternate(plan, plan.columns, plan.source_columns(), kFirst));
  plan.dims[0] /= 2;
  return {};
}

constexpr NameRule kExpertTensors[] = {
    {"model.layers.#.mlp.experts.gate_up_proj_bias", "blk.#.ffn_gate_exps.bias", Need::required,
     every_second_value<0>},
    {"model.layers.#.mlp.experts.gate_up_proj_bias", "blk.#.ffn_up_exps.bias", Need::required,
     every_second_value<1>},
    {"model.layers.#.mlp.experts.down_proj_bias", "blk.#.ffn_down_exps.bias"},
    {"model.layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_gate_exps.weight", Need::optional,
     turn_every_second<0>},
    {"model.layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_up_exps.weight", Need::optional,
     turn_every_second<1>},
    {"model.layers.#.mlp.experts.down_proj", "blk.#.ffn_down_exps.weight", Need::optional,
     turn_all},
};

// A step of 2 takes gates (from 0) or the others (from 1), a step of 1 all rows.
struct BlockRule {
  std::string_view from;
  std::string_view to;
  uint64_t first;
  uint64_t step;
};
constexpr BlockRule kBlocks[] = {
    {"gate_up_proj", "ffn_gate_exps", 0, 2},
    {"gate_up_proj", "ffn_up_exps", 1, 2},
    {"down_proj", "ffn_down_exps", 0, 1},
};

}  // namespace

Result<void> fill_gpt_oss(Conversion& conversion) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_CHECK(conversion.copy_size("attention.sliding_window", {"sliding_window"}));
  HEARTH_CHECK(conversion.copy_size("expert_feed_forward_length", {"intermediate_size"}));
  HEARTH_CHECK(conversion.add_sliding_layers());
  HEARTH_CHECK(conversion.add_tensors(kEnds));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_tensors(kAttention));
  HEARTH_CHECK(conversion.add_tensors(kTensors));
  HEARTH_CHECK(conversion.add_tensors(kExpertTensors));
  HEARTH_TRY(const uint32_t layers, conversion.n_layers());
  for (uint32_t layer = 0; layer < layers; ++layer) {
    for (const BlockRule& rule : kBlocks) {
      const std::string from = cat("model.layers.", layer, ".mlp.experts.", rule.from);
      const std::string to = cat("blk.", layer, ".", rule.to, ".weight");
      HEARTH_CHECK(conversion.add_mxfp4(from, to, rule.first, rule.step));
    }
  }
  return {};
}

}  // namespace hearth::convert
