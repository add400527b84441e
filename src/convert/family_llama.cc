// Llama and what is built like it: rope turns halves of a head against each other in the
// checkpoint, neighbours in GGUF.
#include "convert/name_tables.h"

namespace hearth::convert {
namespace {

constexpr NameRule kMixtralExperts[] = {
    {"model.layers.#.block_sparse_moe.gate.weight", "blk.#.ffn_gate_inp.weight"},
    {"model.layers.#.block_sparse_moe.experts.@.w1.weight", "blk.#.ffn_gate_exps.weight"},
    {"model.layers.#.block_sparse_moe.experts.@.w3.weight", "blk.#.ffn_up_exps.weight"},
    {"model.layers.#.block_sparse_moe.experts.@.w2.weight", "blk.#.ffn_down_exps.weight"},
};

Result<void> fill(Conversion& conversion, std::span<const NameRule> feed_forward) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_TRY(const uint32_t dim, conversion.head_dim());
  conversion.set_size("rope.dimension_count", dim);
  HEARTH_CHECK(conversion.add_tensors(kEnds));
  HEARTH_CHECK(conversion.add_output());
  HEARTH_CHECK(conversion.add_rope_divisors());
  HEARTH_CHECK(conversion.add_tensors(kLayerNorms));
  HEARTH_CHECK(conversion.add_tensors(kTurnedAttention));
  return conversion.add_tensors(feed_forward);
}

}  // namespace

Result<void> fill_llama(Conversion& conversion) { return fill(conversion, kFeedForward); }
Result<void> fill_mixtral(Conversion& conversion) { return fill(conversion, kMixtralExperts); }

// GGUF has no key for the layers that turn nothing.
Result<void> fill_smollm3(Conversion& conversion) {
  HEARTH_TRY(const uint32_t interval, conversion.config.size_or({"no_rope_layer_interval"}, 4));
  if (interval != 4) {
    return fail(ErrorCode::unsupported, "config.json: 'no_rope_layer_interval' is ", interval,
                ", but GGUF's smollm3 has rope in all layers but every fourth");
  }
  return fill_llama(conversion);
}

Result<void> fill_mistral3(Conversion& conversion) {
  HEARTH_CHECK(fill_llama(conversion));
  const HfConfig rope = conversion.config.rope();
  if (rope.has({"mscale_all_dim"})) {
    HEARTH_TRY(const double growth, rope.real({"mscale_all_dim"}));
    conversion.set_real("rope.scaling.yarn_log_multiplier", growth);
  }
  if (rope.has({"llama_4_scaling_beta"})) {
    HEARTH_TRY(const double temperature, rope.real({"llama_4_scaling_beta"}));
    conversion.set_real("attention.temperature_scale", temperature);
  }
  return {};
}

Result<void> fill_granite(Conversion& conversion) {
  HEARTH_CHECK(fill_llama(conversion));
  HEARTH_CHECK(conversion.copy_real("attention.scale", {"attention_multiplier"}));
  HEARTH_CHECK(conversion.copy_real("embedding_scale", {"embedding_multiplier"}));
  HEARTH_CHECK(conversion.copy_real("residual_scale", {"residual_multiplier"}));
  HEARTH_TRY(const double logits, conversion.config.real_or({"logits_scaling"}, 1.0));
  conversion.set_real("logit_scale", logits);
  return {};
}

}  // namespace hearth::convert
