// Llama, Mistral and what is named as they are: rope turns halves of a head against each other in
// the checkpoint, neighbours in GGUF.
#include "convert/conversion.h"

namespace hearth::convert {
namespace {

constexpr NameRule kEnds[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight"},
};

constexpr NameRule kAttention[] = {
    {"model.layers.#.input_layernorm.weight", "blk.#.attn_norm.weight"},
    {"model.layers.#.self_attn.q_proj.*", "blk.#.attn_q.*", Need::required, turn_queries},
    {"model.layers.#.self_attn.k_proj.*", "blk.#.attn_k.*", Need::required, turn_keys},
    {"model.layers.#.self_attn.v_proj.*", "blk.#.attn_v.*"},
    {"model.layers.#.self_attn.o_proj.*", "blk.#.attn_output.*"},
    {"model.layers.#.post_attention_layernorm.weight", "blk.#.ffn_norm.weight"},
};

constexpr NameRule kFeedForward[] = {
    {"model.layers.#.mlp.gate_proj.*", "blk.#.ffn_gate.*"},
    {"model.layers.#.mlp.up_proj.*", "blk.#.ffn_up.*"},
    {"model.layers.#.mlp.down_proj.*", "blk.#.ffn_down.*"},
};

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
  HEARTH_CHECK(conversion.add_tensors(kAttention));
  return conversion.add_tensors(feed_forward);
}

}  // namespace

Result<void> fill_llama(Conversion& conversion) { return fill(conversion, kFeedForward); }
Result<void> fill_mixtral(Conversion& conversion) { return fill(conversion, kMixtralExperts); }

}  // namespace hearth::convert
