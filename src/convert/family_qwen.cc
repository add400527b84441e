// Qwen 2 and 3.
#include "convert/conversion.h"

namespace hearth::convert {
namespace {

constexpr NameRule kPlain[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight"},
    {"model.layers.#.input_layernorm.weight", "blk.#.attn_norm.weight"},
    {"model.layers.#.self_attn.q_proj.*", "blk.#.attn_q.*"},
    {"model.layers.#.self_attn.k_proj.*", "blk.#.attn_k.*"},
    {"model.layers.#.self_attn.v_proj.*", "blk.#.attn_v.*"},
    {"model.layers.#.self_attn.o_proj.*", "blk.#.attn_output.*"},
    {"model.layers.#.post_attention_layernorm.weight", "blk.#.ffn_norm.weight"},
    {"model.layers.#.mlp.gate_proj.*", "blk.#.ffn_gate.*"},
    {"model.layers.#.mlp.up_proj.*", "blk.#.ffn_up.*"},
    {"model.layers.#.mlp.down_proj.*", "blk.#.ffn_down.*"},
};

constexpr NameRule kHeadNorms[] = {
    {"model.layers.#.self_attn.q_norm.weight", "blk.#.attn_q_norm.weight"},
    {"model.layers.#.self_attn.k_norm.weight", "blk.#.attn_k_norm.weight"},
};

}  // namespace

Result<void> fill_qwen2(Conversion& conversion) {
  HEARTH_CHECK(conversion.add_common_keys());
  HEARTH_CHECK(conversion.add_tensors(kPlain));
  return conversion.add_output();
}

Result<void> fill_qwen3(Conversion& conversion) {
  HEARTH_CHECK(fill_qwen2(conversion));
  return conversion.add_tensors(kHeadNorms);
}

}  // namespace hearth::convert
