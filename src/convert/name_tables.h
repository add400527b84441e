// Names that most families share.
#pragma once

#include "convert/conversion.h"

namespace hearth::convert {

inline constexpr NameRule kEnds[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.*", "output_norm.*"},
};

inline constexpr NameRule kLayerNorms[] = {
    {"model.layers.#.input_layernorm.*", "blk.#.attn_norm.*"},
    {"model.layers.#.post_attention_layernorm.*", "blk.#.ffn_norm.*"},
};

inline constexpr NameRule kAttention[] = {
    {"model.layers.#.self_attn.q_proj.*", "blk.#.attn_q.*"},
    {"model.layers.#.self_attn.k_proj.*", "blk.#.attn_k.*"},
    {"model.layers.#.self_attn.v_proj.*", "blk.#.attn_v.*"},
    {"model.layers.#.self_attn.o_proj.*", "blk.#.attn_output.*"},
};

// For rope of neighbouring pairs.
inline constexpr NameRule kTurnedAttention[] = {
    {"model.layers.#.self_attn.q_proj.*", "blk.#.attn_q.*", Need::required, turn_queries},
    {"model.layers.#.self_attn.k_proj.*", "blk.#.attn_k.*", Need::required, turn_keys},
    {"model.layers.#.self_attn.v_proj.*", "blk.#.attn_v.*"},
    {"model.layers.#.self_attn.o_proj.*", "blk.#.attn_output.*"},
};

// Over single heads, or over all of them.
inline constexpr NameRule kQueryKeyNorms[] = {
    {"model.layers.#.self_attn.q_norm.weight", "blk.#.attn_q_norm.weight"},
    {"model.layers.#.self_attn.k_norm.weight", "blk.#.attn_k_norm.weight"},
};

inline constexpr NameRule kFeedForward[] = {
    {"model.layers.#.mlp.gate_proj.*", "blk.#.ffn_gate.*"},
    {"model.layers.#.mlp.up_proj.*", "blk.#.ffn_up.*"},
    {"model.layers.#.mlp.down_proj.*", "blk.#.ffn_down.*"},
};

// Where only some layers have the block.
inline constexpr NameRule kSomeFeedForward[] = {
    {"model.layers.#.mlp.gate_proj.weight", "blk.#.ffn_gate.weight", Need::optional},
    {"model.layers.#.mlp.up_proj.weight", "blk.#.ffn_up.weight", Need::optional},
    {"model.layers.#.mlp.down_proj.weight", "blk.#.ffn_down.weight", Need::optional},
};

// One tensor for each expert, or one for all with gate and up behind each other.
inline constexpr NameRule kExperts[] = {
    {"model.layers.#.mlp.gate.weight", "blk.#.ffn_gate_inp.weight", Need::optional},
    {"model.layers.#.mlp.experts.@.gate_proj.weight", "blk.#.ffn_gate_exps.weight", Need::optional},
    {"model.layers.#.mlp.experts.@.up_proj.weight", "blk.#.ffn_up_exps.weight", Need::optional},
    {"model.layers.#.mlp.experts.@.down_proj.weight", "blk.#.ffn_down_exps.weight", Need::optional},
    {"model.layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_gate_exps.weight", Need::optional,
     first_half},
    {"model.layers.#.mlp.experts.gate_up_proj", "blk.#.ffn_up_exps.weight", Need::optional,
     second_half},
    {"model.layers.#.mlp.experts.down_proj", "blk.#.ffn_down_exps.weight", Need::optional},
};

}  // namespace hearth::convert
